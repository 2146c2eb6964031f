// An MCP client made with the TypeScript SDK, of the version in its settings, as in its documentation.
// Messages are one JSON object a line, in both directions: it prints the URL for the user, and reads the browser's redirect.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const hear = async () => JSON.parse((await lines.next()).value)
const say = (members) => console.log(JSON.stringify(members))

const told = await hear()
const sdk =
  told.version === 1
    ? {
        ...(await import('@modelcontextprotocol/sdk/client/index.js')),
        ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
        ...(await import('@modelcontextprotocol/sdk/client/auth.js')),
      }
    : await import('@modelcontextprotocol/client')

const kept = { client: told.client ?? undefined }
const provider = {
  redirectUrl: told.metadata.redirect_uris[0],
  clientMetadata: told.metadata,
  clientMetadataUrl: told.metadata_url,
  state: () => 'a-state-of-this-client',
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens },
  redirectToAuthorization: (url) => { kept.visit = String(url) },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier },
  codeVerifier: () => kept.verifier,
  invalidateCredentials: (what) => {
    if (what === 'all' || what === 'tokens') kept.tokens = undefined
    if (what === 'all' || what === 'client') kept.client = undefined
  },
}

let client, transport
const connected = async () => {
  if (client) return client
  const made = new sdk.Client({ name: 'stranger', version: '1' })
  transport = new sdk.StreamableHTTPClientTransport(new URL(told.url), { authProvider: provider })
  await made.connect(transport)
  return (client = made)
}

// The user may have to visit the authorization server first.
const doing = async (work) => {
  try {
    return await work()
  } catch (refusal) {
    if (!(refusal instanceof sdk.UnauthorizedError) || !kept.visit) throw refusal
    say({ visit: kept.visit })
    kept.visit = undefined
    const { searchParams } = new URL((await hear()).arrived)
    await transport.finishAuth(told.version === 1 ? searchParams.get('code') : searchParams)
    return await work()
  }
}

for (let command = await hear(); command.call; command = await hear()) {
  try {
    const result = await doing(async () => (await connected()).callTool({ name: command.call, arguments: command.arguments }))
    say({ result: JSON.parse(result.content[0].text), scope: kept.tokens.scope, token: kept.tokens.access_token })
  } catch (refusal) {
    say({ refused: `${refusal.name}: ${refusal.message}` })
  }
}
process.exit(0)
