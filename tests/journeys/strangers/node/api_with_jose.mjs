// An API that verifies access tokens with jose as in its documentation.
import { text } from 'node:stream/consumers'

import { createRemoteJWKSet, jwtVerify } from 'jose'

const { jwks_uri, issuer, audience, token } = JSON.parse(await text(process.stdin))
const keys = createRemoteJWKSet(new URL(jwks_uri))
const verified = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' })
const refused = await jwtVerify(token, keys, { issuer, audience: `${audience}/other`, typ: 'at+jwt' }).catch((error) => error.code)
console.log(JSON.stringify({ claims: verified.payload, header: verified.protectedHeader, refused }))
