// A certified provider of OpenID Connect for the tests, on a free port of this machine. Its settings come as one line of JSON on
// standard input; it answers with one line, `{"port": 41234}`, and ends when its input does. `POST /control` changes what it knows
// while it runs and tells how often it was asked for what, and which refresh tokens are out: `{"accounts": {...}}` replaces all people, `{"rotate": true}` signs with a new key from now on, `{"down": true}`
// answers everything with 503 until `{"down": false}`.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);

let accounts = settings.accounts;
let isDown = false;
let nKeys = 0;
let serve;
const counts = {};

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  nKeys += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${nKeys}`, use: 'sig', alg: 'ES256' };
}

const store = new Map();
const grants = new Map();

// What it has given out stays known where the provider is made anew with other keys.
class Memory {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload) {
    store.set(this.key(id), payload);
    if (payload.grantId) grants.set(payload.grantId, (grants.get(payload.grantId) ?? new Set()).add(this.key(id)));
    if (payload.uid) store.set(`uid:${this.name}:${payload.uid}`, id);
  }
  async find(id) { return store.get(this.key(id)); }
  async findByUid(uid) { return this.find(store.get(`uid:${this.name}:${uid}`)); }
  async consume(id) { store.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { store.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const key of grants.get(grantId) ?? []) store.delete(key);
    grants.delete(grantId);
  }
}

const server = createServer((request, response) => {
  if (request.url === '/control') return control(request, response);
  const path = request.url.split('?')[0];
  counts[path] = (counts[path] ?? 0) + 1;
  if (isDown) {
    response.writeHead(503).end();
    return undefined;
  }
  return serve(request, response);
});

async function control(request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  const wish = JSON.parse(body);
  if (wish.accounts) accounts = wish.accounts;
  if (wish.rotate) start();
  if (wish.down !== undefined) isDown = wish.down;
  const tokens = [...store.keys()].filter((key) => key.startsWith('RefreshToken:')).map((key) => key.split(':')[1]);
  response.end(JSON.stringify({ asked: counts, tokens }));
}

function start() {
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    adapter: Memory,
    clients: settings.clients,
    jwks: { keys: [newKey()] },
    cookies: { keys: ['only for tests'] },
    scopes: ['openid', 'profile', 'groups', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], groups: ['groups', 'realm_access'] },
    conformIdTokenClaims: settings.userinfo ?? true,
    ttl: { AccessToken: settings.access_token_s ?? 3600, IdToken: 3600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
    rotateRefreshToken: true,
    clientAuthMethods: settings.auth_methods ?? ['client_secret_basic', 'client_secret_post', 'none'],
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    features: { revocation: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  });
  serve = provider.callback();
}

server.listen(0, '127.0.0.1', () => {
  start();
  console.log(JSON.stringify({ port: server.address().port }));
});

await lines.next();
process.exit(0);
