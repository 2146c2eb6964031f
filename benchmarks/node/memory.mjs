// node-oidc-provider's own adapter, which persists nothing. Its store forgets all but a thousand entries; a Map forgets none.
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

const store = new Map();

export const adapter = (model) => new MemoryAdapter(model, store);
