import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { digestOf } from '../../src/core/index.ts';
import { mediaTypes, parseReference, registryHost } from '../../src/oci/index.ts';
import { readRepository, registrySettings, registryVariables } from '../../src/registry/index.ts';
import { withRepository } from '../../src/registry/repository.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { machine, places } from '../support/registry-machine.ts';
import { tempFolder } from '../support/temp-folder.ts';

const file = 'etc/containerd/certs.d/docker.io/hosts.toml';
const digest = `sha256:${'a'.repeat(64)}`;
const hub = 'registry-1.docker.io/library/debian';
const pem = (what: string): string => `-----BEGIN CERTIFICATE-----\n${what}\n-----END CERTIFICATE-----\n`;

/** With root where it is another than usual, and what is pushed to. */
function seen(toml: string, name = 'debian:12', at = file): readonly string[] {
  const settings = machine({ [at]: toml }).settings();
  const { host, repository } = settings.pushTo(parseReference(name));
  return [...places(settings, name), `push ${host}/${repository}`];
}

describe('hosts.toml of containerd', () => {
  it.each<[what: string, toml: string, name: string, expected: readonly string[]]>([
    ['nothing', '', 'debian:12', [hub, `push ${hub}`]],
    [
      'hosts in their order, which nobody pushes to',
      '[host."https://one.e"]\n[host."two.e:5000"]\n',
      'debian:12',
      ['one.e/library/debian~docker.io', 'two.e:5000/library/debian~docker.io', hub, `push ${hub}`],
    ],
    [
      'a server in the place of the registry',
      'server = "https://other.e"\n',
      'debian:12',
      ['other.e/library/debian', 'push other.e/library/debian'],
    ],
    ['Docker Hub by its short name', 'server = "https://docker.io"\n', 'debian:12', [hub, `push ${hub}`]],
    [
      'plain http and unchecked certificates of that host',
      '[host."http://one.e:80"]\n[host."https://two.e"]\nskip_verify = true\n',
      'debian:12',
      ['one.e/library/debian!~docker.io', 'two.e/library/debian!~docker.io', hub, `push ${hub}`],
    ],
    [
      'no tags where nothing is resolved',
      '[host."https://one.e"]\ncapabilities = ["pull"]\n',
      'debian:12',
      [hub, `push ${hub}`],
    ],
    [
      'digests there',
      '[host."https://one.e"]\ncapabilities = ["pull"]\n',
      `debian@${digest}`,
      ['one.e/library/debian~docker.io', hub, `push ${hub}`],
    ],
    [
      'pushes where it is said',
      '[host."https://one.e"]\ncapabilities = ["push"]\n',
      'debian:12',
      [hub, 'push one.e/library/debian'],
    ],
    ['other registries as ever', '[host."https://one.e"]\n', 'quay.io/a', ['quay.io/a', 'push quay.io/a']],
  ])('G-38 G-40 %s', (_what, toml, name, expected) => {
    expect(seen(toml, name)).toEqual(expected);
  });

  it('G-40 _default is for registries without a file, and the user’s goes before the machine’s', () => {
    const folder = 'etc/docker/certs.d';
    const files = {
      [`${folder}/_default/hosts.toml`]: '[host."https://all.e"]\n',
      [`${folder}/a.e:5000/hosts.toml`]: '[host."https://one.e"]\n',
    };
    expect(places(machine(files).settings(), 'a.e:5000/x')[0]).toBe('one.e/x~a.e:5000');
    expect(places(machine(files).settings(), 'b.e/x')[0]).toBe('all.e/x~b.e');
    const own = { ...files, '~/.config/docker/certs.d/a.e:5000/hosts.toml': 'server = "mine.e"\n' };
    expect(places(machine(own).settings(), 'a.e:5000/x')).toEqual(['mine.e/x']);
  });

  it('G-40 what registries.conf says of a name goes before it', () => {
    const conf = '[[registry]]\nprefix = "a.e"\nlocation = "b.e"\n';
    const files = {
      'etc/containers/registries.conf': conf,
      'etc/docker/certs.d/a.e/hosts.toml': 'server = "c.e"\n',
    };
    expect(places(machine(files).settings(), 'a.e/x')).toEqual(['b.e/x']);
  });

  it('G-39 G-40 authorities and what is shown, by paths from the file', () => {
    const folder = 'etc/containerd/certs.d/a.e';
    const toml = 'ca = ["ca.pem"]\nclient = [["me.pem", "me.key"]]\nserver = "https://a.e"\n';
    const { settings } = machine({
      [`${folder}/hosts.toml`]: toml,
      [`${folder}/ca.pem`]: pem('ca'),
      [`${folder}/me.pem`]: pem('me'),
      [`${folder}/me.key`]: pem('key'),
    });
    const [place] = settings().readTo(parseReference('a.e/x'));
    expect(settings().tls(new URL('https://a.e/v2/'), place!)).toEqual({
      authorities: [pem('ca')],
      client: { certificate: pem('me'), key: pem('key') },
      verify: true,
    });
    expect(settings().tls(new URL('https://storage.e/'), place!)).toBeUndefined();
  });

  it('G-39 C-45 the folder of --cert-dir goes before them', () => {
    const toml = 'ca = "ca.pem"\nserver = "https://a.e"\n';
    const folder = 'etc/containerd/certs.d/a.e';
    const { etc, settings } = machine({
      [`${folder}/hosts.toml`]: toml,
      [`${folder}/ca.pem`]: pem('file'),
      'etc/own/ca.crt': pem('flag'),
    });
    const given = settings({ [registryVariables.certificates]: `a.e=${join(etc, 'own')}` });
    const [place] = given.readTo(parseReference('a.e/x'));
    expect(given.tls(new URL('https://a.e/v2/'), place!)?.authorities).toEqual([pem('flag')]);
  });

  it.each([
    ['no TOML', '[host\n', /line 1/],
    ['a wrong type', 'skip_verify = "yes"\n', /skip_verify/],
    ['no host', '[host."https://a.e?x=y"]\n', /is not a host/],
    ['a password', '[host."https://me:pass@a.e"]\n', /is not a host/],
    ['a header of two lines', '[host."a.e".header]\nx-a = "a\\r\\nb: c"\n', /host\.a\.e\.header/],
    ['a file that is missing', 'server = "a.e"\nca = "no.pem"\n', /no\.pem: it is missing/],
  ])('G-40 REGISTRY_CONFIG_INVALID says where: %s', (_what, toml, message) => {
    const ask = (): unknown => seen(toml);
    expect(ask).toThrow(expect.objectContaining({ code: 'REGISTRY_CONFIG_INVALID' }));
    expect(ask).toThrow(message);
  });
});

it('G-16 G-40 S-60 credentials that are given for the registry do not go where its pushes go', async () => {
  await using server = await startFaultProxy(undefined, (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    return true;
  });
  const asked = async (toml: string): Promise<readonly (string | undefined)[]> => {
    const settings = machine({ 'etc/docker/certs.d/a.example/hosts.toml': toml }).settings();
    const credentials = async () => ({ kind: 'password', username: 'me', password: 'pass' }) as const;
    const begun = server.seen.length;
    const push = withRepository(
      parseReference('a.example/x:1'),
      { access: 'push', settings, credentials },
      async ({ conversation, signal }) => conversation.request('blobs/uploads/', { method: 'POST', signal }),
    );
    await expect(push).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
    return server.seen.slice(begun).map(({ headers }) => headers.authorization);
  };
  const basic = `Basic ${Buffer.from('me:pass').toString('base64')}`;
  expect(await asked(`server = "http://${server.host}"\n`)).toContain(basic);
  expect(await asked(`[host."http://${server.host}"]\ncapabilities = ["push"]\n`)).not.toContain(basic);
});

describe('headers', () => {
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf('{}'), size: 2 },
    layers: [],
  });
  const serving = (redirect?: string): Promise<FaultProxy> =>
    startFaultProxy(undefined, (request, response) => {
      if (request.url === '/v2/') {
        response.end();
        return true;
      }
      if (redirect === undefined) response.writeHead(200, { 'content-type': mediaTypes.manifest }).end(body);
      else response.writeHead(307, { location: redirect }).end();
      return true;
    });

  it('G-16 G-18 G-40 S-60 go to the host that they are for, by its path, and not along with a redirect', async () => {
    await using storage = await serving();
    await using server = await serving(`http://${storage.host}/blob`);
    const { path } = tempFolder('headers');
    const folder = join(path, 'docker/certs.d/a.example');
    mkdirSync(folder, { recursive: true });
    const toml = `server = "http://${server.host}/hub"\noverride_path = true\n[header]\nx-key = ["a", "b"]\nuser-agent = "me"\n`;
    writeFileSync(join(folder, 'hosts.toml'), toml);
    const settings = registrySettings({ environment: { HOME: path }, etc: path });
    await readRepository(parseReference('a.example/x:1'), { settings }, async (open) => open.manifest());
    const [asked] = server.seen.filter(({ path: at }) => at !== '/v2/');
    expect(asked?.path).toBe('/hub/x/manifests/1?ns=a.example');
    expect(asked?.headers).toMatchObject({ 'x-key': 'a, b', 'user-agent': 'tsbuild' });
    const [followed] = storage.seen;
    expect(followed?.path).toBe('/blob');
    expect(followed?.headers).not.toHaveProperty('x-key');
  });

  it('G-18 S-60 of config.json those go to registries that docker sends them', async () => {
    const { path } = tempFolder('meta');
    const headers = { 'X-Meta-Team': 'blue', Authorization: 'Basic eA==', 'X-Meta-Bad': 'a\nb' };
    writeFileSync(join(path, 'config.json'), JSON.stringify({ HttpHeaders: headers }));
    vi.stubEnv('DOCKER_CONFIG', path);
    onTestFinished(() => void vi.unstubAllEnvs());
    await using server = await serving();
    const settings = registrySettings({ environment: { HOME: path }, etc: path });
    await readRepository(parseReference(`${server.host}/x:1`), { settings }, async (open) => open.manifest());
    const asked = server.seen.at(-1)?.headers;
    expect(asked).toMatchObject({ 'x-meta-team': 'blue' });
    expect(asked).not.toHaveProperty('authorization');
    expect(asked).not.toHaveProperty('x-meta-bad');
  });
});

it('G-38 G-40 a server of another name is told which registry is meant, where something is read', async () => {
  await using server = await startFaultProxy(undefined, (_request, response) => {
    response.end();
    return true;
  });
  const settings = machine({
    'etc/docker/certs.d/a.example/hosts.toml': `server = "http://${server.host}"\n`,
    [`etc/docker/certs.d/${server.host}/hosts.toml`]: `server = "http://${server.host}"\n`,
  }).settings();
  const asked = async (registry: string, access: 'pull' | 'push'): Promise<string | undefined> => {
    const visit = { access, settings };
    const reference = parseReference(`${registry}/x:1`);
    await withRepository(reference, visit, async ({ conversation, signal }) =>
      conversation.request('manifests/1', { method: 'HEAD', signal }),
    );
    return server.seen.at(-1)?.path;
  };
  expect(await asked('a.example', 'pull')).toBe('/v2/x/manifests/1?ns=a.example');
  expect(await asked('a.example', 'push')).toBe('/v2/x/manifests/1');
  expect(await asked(server.host, 'pull')).toBe('/v2/x/manifests/1');
});

it.each<[what: string, toml: string, at: string, expected: { insecure: boolean; authorities?: string[] }]>([
  ['of the server', 'server = "https://a.e"\nskip_verify = true\n', 'a.e', { insecure: true }],
  ['of a host of its name', '[host."https://a.e"]\nskip_verify = true\n', 'a.e', { insecure: true }],
  [
    'of Docker Hub by its short name',
    'server = "https://docker.io"\nskip_verify = true\n',
    'docker.io',
    { insecure: true },
  ],
  ['not of another host', 'server = "https://b.e"\nskip_verify = true\n', 'a.e', { insecure: false }],
  [
    'and its authorities',
    'server = "a.e"\nca = "ca.pem"\n',
    'a.e',
    { insecure: false, authorities: [pem('ca')] },
  ],
])('G-39 G-40 what a login knows of hosts.toml: %s', (_what, toml, at, { insecure, authorities }) => {
  const folder = `etc/containerd/certs.d/${at}`;
  const { settings } = machine({ [`${folder}/hosts.toml`]: toml, [`${folder}/ca.pem`]: pem('ca') });
  const place = settings().hostPlace(registryHost(at));
  expect(place.insecure).toBe(insecure);
  expect(place.tls?.authorities).toEqual(authorities);
  expect(settings({ [registryVariables.tlsVerify]: '1' }).hostPlace(registryHost(at)).insecure).toBe(false);
});
