// A program that uses MSAL for Node.js: client.mjs device-code | client-credentials. Its environment says for whom and
// with what; it prints a line of JSON for each thing that happens.
import { createHash, X509Certificate } from 'node:crypto';
import * as msal from '@azure/msal-node';

const { AUTHORITY, DESK, SERVICE, SCOPE, SECRET, CERTIFICATE, KEY } = process.env;
const say = (line) => console.log(JSON.stringify(line));
const shared = { authority: AUTHORITY, knownAuthorities: [new URL(AUTHORITY).host] };

function service() {
  if (SECRET) return { ...shared, clientId: SERVICE, clientSecret: SECRET };
  const thumbprintSha256 = createHash('sha256').update(new X509Certificate(CERTIFICATE).raw).digest('hex');
  return { ...shared, clientId: SERVICE, clientCertificate: { thumbprintSha256, privateKey: KEY } };
}

const flows = {
  'device-code': () =>
    new msal.PublicClientApplication({ auth: { ...shared, clientId: DESK } }).acquireTokenByDeviceCode({
      scopes: [SCOPE],
      deviceCodeCallback: (answer) => say({ userCode: answer.userCode }),
    }),
  'client-credentials': () =>
    new msal.ConfidentialClientApplication({ auth: service() }).acquireTokenByClientCredential({ scopes: [SCOPE] }),
};

try {
  const result = await flows[process.argv[2]]();
  say({ token: result.accessToken, username: result.account?.username ?? '' });
} catch (problem) {
  say({ error: `${problem.errorCode}: ${problem.errorMessage ?? problem.message}` });
}
