// node-oidc-provider set up as in its documentation: `node server.mjs memory.mjs|postgres.mjs`; the environment has all else.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';

import Keygrip from 'keygrip';
import Provider from 'oidc-provider';

const { adapter } = await import(`./${process.argv[2]}`);
const { SERVE_PORT, STATE_DIR, USERS, REDIRECT_URI, SCOPE } = process.env;

const clientId = 'benchmark';
const clientSecret = randomBytes(32).toString('base64url');
const cookieKeys = [randomBytes(32).toString('base64url')];
const accounts = new Map(Array.from({ length: Number(USERS) }, (_, number) => [String(number + 1), {
  sub: String(number + 1),
  username: `user${number}`,
  email: `user${number}@example.com`,
  name: 'Alice Liddell',
  given_name: 'Alice',
  family_name: 'Liddell',
  preferred_username: `user${number}`,
}]));

const provider = new Provider('https://auth.example.com', {
  adapter,
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
  }],
  cookies: { keys: cookieKeys },
  jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
  // Without `openid` there is no ID token to sign.
  scopes: SCOPE.split(' '),
  claims: {},
  features: { devInteractions: { enabled: false }, revocation: { enabled: true }, userinfo: { enabled: false } },
  findAccount: (ctx, id) => accounts.has(id) && { accountId: id, claims: () => accounts.get(id) },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  // A revoked refresh token ends its connection; the consent stays, as with the other subjects.
  revokeGrantPolicy: () => false,
  ttl: {
    AccessToken: 3600, AuthorizationCode: 60, RefreshToken: 30 * 86400, Grant: 30 * 86400, Session: 14 * 86400,
  },
});
provider.proxy = true;

// A resource of its own, because /userinfo requires `openid`.
provider.use(async (ctx, next) => {
  if (ctx.path !== '/resource') {
    await next();
    return;
  }
  const token = await provider.AccessToken.find(ctx.get('authorization').slice('Bearer '.length));
  const isGood = token && token.scopes.has('user');
  ctx.status = isGood ? 200 : 401;
  ctx.body = isGood ? accounts.get(token.accountId) : { error: 'invalid_token' };
});

// All users are signed in and have consented: these are the rows that a login and a consent would make.
const signatures = new Keygrip(cookieKeys);
const cookies = [];
for (const accountId of accounts.keys()) {
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const session = new provider.Session();
  session.loginAccount({ accountId });
  session.ensureClientContainer(clientId);
  session.grantIdFor(clientId, grantId);
  await session.save(14 * 86400);
  const cookie = `_session=${session.id}`;
  cookies.push(`${cookie}; _session.sig=${signatures.sign(cookie)}`);
}
mkdirSync(STATE_DIR, { recursive: true });
writeFileSync(`${STATE_DIR}/facts.json`, JSON.stringify({ client_id: clientId, client_secret: clientSecret, cookies }));
provider.listen(Number(SERVE_PORT), '127.0.0.1');
