// What node-vault does against a vault that waits for its initialisation: prints nothing, ends with 0.
'use strict';

const assert = require('node:assert/strict');
const nodeVault = require('node-vault');

const fails = (promise, statusCode, message) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.response && error.response.statusCode, statusCode, String(error));
    if (message) assert.match(error.message, message);
    return true;
  });

async function initialise(vault) {
  assert.deepEqual(await vault.initialized(), { initialized: false });
  assert.equal((await vault.health()).initialized, false);
  const made = await vault.init({ secret_shares: 5, secret_threshold: 3 });
  assert.equal(made.keys.length, 5);
  await fails(vault.init({ secret_shares: 5, secret_threshold: 3 }), 400, /already initialized/);
  const progress = [];
  for (const key of made.keys.slice(2)) {
    const status = await vault.unseal({ secret_shares: 5, key });
    progress.push([status.sealed, status.progress]);
  }
  assert.deepEqual(progress, [[true, 1], [true, 2], [false, 0]]);
  const status = await vault.status();
  assert.deepEqual([status.sealed, status.t, status.n], [false, 3, 5]);
  assert.equal((await vault.health()).sealed, false);
  await fails(vault.mounts(), 403, /permission denied/);
  vault.token = made.root_token;
  return made;
}

async function mounts(vault) {
  await vault.mount({ mount_point: 'secret', type: 'kv', description: 'of node', options: { version: '2' } });
  const data = (await vault.mounts()).data;
  assert.deepEqual(data['secret/'].options, { version: '2' });
  assert.equal(data['secret/'].description, 'of node');
  await fails(vault.mount({ mount_point: 'secret', type: 'kv' }), 400, /already in use/);
  await vault.mount({ mount_point: 'passing', type: 'kv' });
  await vault.unmount({ mount_point: 'passing' });
  assert.equal((await vault.mounts()).data['passing/'], undefined);
  assert.ok((await vault.auths()).data['token/']);
}

async function secrets(vault) {
  const value = { text: 'ä€𝄞', list: [1, null, true], map: { k: {} } };
  const first = await vault.write('secret/data/app/one', { data: { n: 1 } });
  assert.equal(first.data.version, 1);
  await vault.write('secret/data/app/one', { data: value });
  await vault.write('secret/data/app/two', { data: { n: 2 } });
  assert.deepEqual((await vault.read('secret/data/app/one')).data.data, value);
  assert.deepEqual((await vault.read('secret/data/app/one?version=1')).data.data, { n: 1 });
  assert.deepEqual((await vault.list('secret/metadata/app')).data.keys, ['one', 'two']);
  await fails(vault.write('secret/data/app/one', { data: { n: 9 }, options: { cas: 1 } }), 400, /check-and-set/);
  await vault.update('secret/data/app/two', { data: { m: 3 } });
  assert.deepEqual((await vault.read('secret/data/app/two')).data.data, { n: 2, m: 3 });
  await vault.delete('secret/data/app/one');
  await fails(vault.read('secret/data/app/one'), 404);
  await vault.write('secret/undelete/app/one', { versions: [2] });
  assert.deepEqual((await vault.read('secret/data/app/one')).data.data, value);
  await vault.destroySecretVersions({ mount_point: 'secret', path: 'app/one', versions: [1] });
  const metadata = (await vault.read('secret/metadata/app/one')).data;
  assert.deepEqual([metadata.versions[1].destroyed, metadata.versions[2].destroyed], [true, false]);
  await vault.delete('secret/metadata/app/one');
  await fails(vault.read('secret/metadata/app/one'), 404);
  assert.deepEqual((await vault.list('secret/metadata/app')).data.keys, ['two']);
}

async function policiesAndTokens(vault, connect) {
  const rules = 'path "secret/data/app/*" { capabilities = ["read"] }';
  await vault.addPolicy({ name: 'reader', rules });
  assert.equal((await vault.getPolicy({ name: 'reader' })).rules, rules);
  assert.ok((await vault.policies()).policies.includes('reader'));
  // What makes a token goes on as that token: so another client makes it.
  const made = (await connect(vault.token).tokenCreate({ policies: ['reader'], ttl: '1h', meta: { of: 'node' } })).auth;
  const reader = connect(made.client_token);
  assert.deepEqual((await reader.read('secret/data/app/two')).data.data, { n: 2, m: 3 });
  await fails(reader.write('secret/data/app/two', { data: {} }), 403, /permission denied/);
  await fails(reader.read('secret/data/other'), 403, /permission denied/);
  const own = (await reader.tokenLookupSelf()).data;
  assert.deepEqual([own.policies, own.meta, own.orphan], [['default', 'reader'], { of: 'node' }, false]);
  assert.equal((await vault.tokenLookup({ token: made.client_token })).data.accessor, made.accessor);
  assert.equal((await vault.tokenLookupAccessor({ accessor: made.accessor })).data.id, '');
  assert.equal((await reader.tokenRenewSelf({ increment: '2h' })).auth.lease_duration, 7200);
  assert.ok((await vault.tokenAccessors()).data.keys.includes(made.accessor));
  const orphan = (await connect(vault.token).tokenCreateOrphan({ policies: ['default'] })).auth;
  assert.equal(orphan.orphan, true);
  await vault.tokenRevoke({ token: made.client_token });
  await fails(reader.tokenLookupSelf(), 403, /permission denied/);
  await vault.tokenRevokeAccessor({ accessor: orphan.accessor });
  await fails(connect(orphan.client_token).tokenLookupSelf(), 403);
  await vault.removePolicy({ name: 'reader' });
  await fails(vault.getPolicy({ name: 'reader' }), 404);
}

async function main() {
  const endpoint = process.argv[2];
  const connect = (token) => nodeVault({ endpoint, token });
  const vault = connect();
  const made = await initialise(vault);
  await mounts(vault);
  await secrets(vault);
  await policiesAndTokens(vault, connect);
  const withoutVerbs = nodeVault({ endpoint, token: vault.token, noCustomHTTPVerbs: true });
  assert.deepEqual((await withoutVerbs.list('secret/metadata/app')).data.keys, ['two']);
  await vault.seal();
  assert.equal((await vault.status()).sealed, true);
  await fails(vault.read('secret/data/app/two'), 503, /sealed/);
  for (const key of made.keys.slice(0, 3)) await vault.unseal({ key });
  assert.deepEqual((await vault.read('secret/data/app/two')).data.data, { n: 2, m: 3 });
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
