// node-oidc-provider's own in-memory adapter. Its store drops all but a thousand entries, so a Map replaces it.
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

const store = new Map();

export const adapter = (model) => new MemoryAdapter(model, store);
