// An OpenID provider on loopback: the npm package oidc-provider. Its settings come as one line of JSON on standard input;
// it prints one line of JSON once it answers, and ends when standard input does.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const settings = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

function key(alg) {
  const { privateKey } = alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${alg}${generation > 1 ? `-${generation}` : ''}`, alg, use: 'sig' };
}

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}${settings.slash ? '/' : ''}`;
const deviceCode = 'urn:ietf:params:oauth:grant-type:device_code';
const none = { redirect_uris: [], response_types: [] };
const resources = new Map(settings.resources.map((resource) => [resource.name, resource]));
// ID tokens are RS256 whatever access tokens are.
const algorithms = [...new Set(['RS256', ...settings.resources.map((resource) => resource.algorithm)])];
const people = Object.values(settings.people);
const claimNames = new Set([settings.claims, ...people].flatMap(Object.keys));
const claimsOf = (name) => ({ ...settings.claims, ...settings.people[name] });
const lifetime = (_, token) => token.resourceServer?.accessTokenTTL ?? settings.seconds;
let generation = 1;

const configuration = {
  clients: [
    { client_id: settings.service.id, client_secret: settings.service.secret, grant_types: ['client_credentials'], ...none },
    { client_id: settings.desk.id, token_endpoint_auth_method: 'none', application_type: 'native', grant_types: [deviceCode, 'refresh_token'], ...none },
    { client_id: settings.window.id, token_endpoint_auth_method: 'none', application_type: 'native', grant_types: ['authorization_code'],
      redirect_uris: ['http://127.0.0.1/'], response_types: ['code'] },
    { client_id: settings.resourceServer.id, client_secret: settings.resourceServer.secret, grant_types: [], ...none },
    { client_id: settings.signed.id, token_endpoint_auth_method: 'none', application_type: 'native', grant_types: [deviceCode],
      userinfo_signed_response_alg: 'RS256', ...none },
  ],
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    userinfo: { enabled: true },
    jwtUserinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, name) => {
        // Any other API takes JWTs, for tests of a token that is not for claimd's.
        const { format, algorithm, seconds } = resources.get(name) ?? { format: 'jwt', algorithm: 'RS256' };
        return {
          scope: settings.scopes.join(' '),
          audience: name,
          accessTokenTTL: seconds,
          accessTokenFormat: format,
          jwt: { sign: { alg: algorithm } },
        };
      },
    },
  },
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: lifetime, ClientCredentials: lifetime },
  scopes: ['openid', 'profile', 'email', ...settings.scopes],
  claims: { openid: ['sub', ...claimNames], profile: ['name'], email: ['email'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `User ${id}`, email: `${id}@contoso.example`, ...claimsOf(id) }),
  }),
  extraTokenClaims: (_, token) => claimsOf(token.accountId ?? token.clientId),
};

let keys = algorithms.map(key);
let answer;
const serve = () => { answer = new Provider(issuer, { ...configuration, jwks: { keys } }).callback(); };
serve();

// What tests ask beside the protocol: how often each path was asked for, and for other keys.
const asked = {};
server.on('request', (request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  switch (pathname) {
    case '/test/asked':
      response.end(JSON.stringify(asked));
      return;
    case '/test/rotate':
      generation += 1;
      keys = [...algorithms.map(key), ...(searchParams.has('keep') ? keys : [])];
      serve();
      response.end('{}');
      return;
    default:
      asked[pathname] = (asked[pathname] ?? 0) + 1;
      answer(request, response);
  }
});
console.log(JSON.stringify({ issuer }));
