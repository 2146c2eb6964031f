// A site with sign-in by openid-client as in its documentation, for one user at a time.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

import * as client from 'openid-client'

const registered = JSON.parse(await text(process.stdin))
const config = await client.discovery(
  new URL(registered.issuer),
  registered.client_id,
  registered.client_secret,
  client.ClientSecretBasic(registered.client_secret),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }, // http on this machine; signatures are checked
)
const begun = new Map()
let held = null

const keep = async (tokens) => {
  const claims = tokens.claims()
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  held = { claims, userinfo, token: tokens }
}

const routes = {
  '/': () => null,
  '/sign-in': async () => {
    const code_verifier = client.randomPKCECodeVerifier()
    const [state, nonce] = [client.randomState(), client.randomNonce()]
    begun.set(state, { pkceCodeVerifier: code_verifier, expectedState: state, expectedNonce: nonce })
    return client.buildAuthorizationUrl(config, {
      redirect_uri: `${registered.site}/callback`,
      scope: 'openid profile email',
      code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    })
  },
  '/callback': async (url) => {
    const checks = begun.get(url.searchParams.get('state'))
    await keep(await client.authorizationCodeGrant(config, url, { ...checks, idTokenExpected: true }))
    return '/'
  },
  '/renew': async () => {
    await keep(await client.refreshTokenGrant(config, held.token.refresh_token))
    return '/'
  },
  '/leave': () => {
    const id_token_hint = held.token.id_token
    held = null
    return client.buildEndSessionUrl(config, { id_token_hint, post_logout_redirect_uri: `${registered.site}/` })
  },
}

const form = ([button, url]) => `<form action="${url}"><button>${button}</button></form>`
const escaped = (value) => JSON.stringify(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const page = () => `<!doctype html><html lang="en"><title>A stranger's site</title>
<h1>${held ? 'Signed in' : 'Nobody is signed in'}</h1>
${[['Sign in', '/sign-in'], ['Renew', '/renew'], ['Sign out', '/leave']].map(form).join('')}
<pre>${held ? escaped(held) : ''}</pre></html>`

createServer(async (request, response) => {
  try {
    const url = new URL(request.url, registered.site)
    const route = routes[url.pathname]
    const onward = await route?.(url)
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    if (onward) response.writeHead(302, { Location: String(onward) }).end()
    else response.writeHead(route ? 200 : 404).end(route ? page() : '')
  } catch (failure) {
    console.error(failure)
    response.writeHead(500).end('failed')
  }
}).listen(new URL(registered.site).port, '127.0.0.1')
