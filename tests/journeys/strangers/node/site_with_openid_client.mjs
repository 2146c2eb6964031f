// A site with sign-in by openid-client, with the code of docs/openid-connect.md, for one user at a time.
import { createServer } from 'node:http'
import { mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'

const registered = JSON.parse(await text(process.stdin))
const session = {}
let held = null

// The code of the page, with this site's addresses and registration.
const page_of_docs = await readFile(new URL('../../../../docs/openid-connect.md', import.meta.url), 'utf8')
const [, snippet] = page_of_docs.match(/^```js\n(.*?)^```/ms)
const code = [
  ['https://id.example', registered.issuer],
  ['https://app.example.com', registered.site],
  ['THE_CLIENT_ID', registered.client_id],
  ['THE_CLIENT_SECRET', registered.client_secret],
  ['[client.enableNonRepudiationChecks]', '[client.enableNonRepudiationChecks, client.allowInsecureRequests]'],
].reduce((whole, [there, here]) => whole.replaceAll(there, here), snippet)
const folder = await mkdtemp(join(tmpdir(), 'sign-in-'))
await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'))
await writeFile(join(folder, 'sign-in.mjs'), code)
const { begin, finish, renew, userinfo, leave } = await import(pathToFileURL(join(folder, 'sign-in.mjs')))

const keep = async (tokens) => {
  held = { claims: tokens.claims(), userinfo: await userinfo(tokens), token: tokens }
  return '/'
}

const routes = {
  '/': () => null,
  '/sign-in': () => begin(session),
  '/callback': async (url) => keep(await finish(session, url)),
  '/renew': async () => keep(await renew(held.token)),
  '/leave': () => {
    const tokens = held.token
    held = null
    return leave(tokens)
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
