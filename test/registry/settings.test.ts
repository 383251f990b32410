import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseReference } from '../../src/oci/index.ts';
import { machine, places } from '../support/registry-machine.ts';

const inMachine = 'etc/containers/registries.conf';
const inHome = '~/.config/containers/registries.conf';

const digest = `sha256:${'a'.repeat(64)}`;

describe('registries.conf', () => {
  const hub = '[[registry]]\nlocation = "docker.io"\n';
  const mirrors = `${hub}[[registry.mirror]]\nlocation = "one.example"\n[[registry.mirror]]\nlocation = "two.example:5000/hub"\ninsecure = true\n`;
  it.each<[what: string, conf: string, name: string, expected: readonly string[]]>([
    ['nothing', '', 'debian:12', ['registry-1.docker.io/library/debian']],
    [
      'mirrors in their order',
      mirrors,
      'debian:12',
      [
        'one.example/library/debian~docker.io',
        'two.example:5000/hub/library/debian!~docker.io',
        'registry-1.docker.io/library/debian',
      ],
    ],
    ['mirrors of another registry', mirrors, 'quay.io/a/b', ['quay.io/a/b']],
    ['another location', '[[registry]]\nprefix = "a.e/x"\nlocation = "b.e/y"\n', 'a.e/x/z:1', ['b.e/y/z']],
    ['a whole component', '[[registry]]\nprefix = "a.e/x"\nlocation = "b.e/y"\n', 'a.e/xx:1', ['a.e/xx']],
    ['a whole host', '[[registry]]\nprefix = "a.e"\nlocation = "b.e"\n', 'a.e.evil/x', ['a.e.evil/x']],
    [
      'the longest prefix',
      '[[registry]]\nprefix = "a.e"\nlocation = "b.e"\n[[registry]]\nprefix = "a.e/x"\nlocation = "c.e"\n',
      'a.e/x/y',
      ['c.e/y'],
    ],
    ['a tag in the prefix', '[[registry]]\nprefix = "a.e/x:1"\nlocation = "b.e/x:2"\n', 'a.e/x:1', ['b.e/x']],
    ['hosts below another', '[[registry]]\nprefix = "*.a.e"\ninsecure = true\n', 'x.a.e/y', ['x.a.e/y!']],
    ['not the host itself', '[[registry]]\nprefix = "*.a.e"\ninsecure = true\n', 'a.e/y', ['a.e/y']],
    [
      'not the host with a port',
      '[[registry]]\nlocation = "a.e"\ninsecure = true\n',
      'a.e:5000/y',
      ['a.e:5000/y'],
    ],
    ['G-37 insecure', '[[registry]]\nlocation = "a.e"\ninsecure = true\n', 'a.e/y', ['a.e/y!']],
    [
      'a mirror for digests, asked by tag',
      `${hub}mirror-by-digest-only = true\nmirror = [{ location = "one.example" }]\n`,
      'debian',
      ['registry-1.docker.io/library/debian'],
    ],
    [
      'a mirror for digests, asked by digest',
      `${hub}mirror-by-digest-only = true\nmirror = [{ location = "one.example" }]\n`,
      `debian@${digest}`,
      ['one.example/library/debian~docker.io', 'registry-1.docker.io/library/debian'],
    ],
    [
      'a mirror for tags, asked by digest',
      `${hub}[[registry.mirror]]\nlocation = "one.example"\npull-from-mirror = "tag-only"\n`,
      `debian@${digest}`,
      ['registry-1.docker.io/library/debian'],
    ],
    [
      'what is not ours',
      'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "enforcing"\n[aliases]\n"a" = "b.e/a"\n',
      'a',
      ['registry-1.docker.io/library/a'],
    ],
  ])('G-38 G-40 %s', (_what, conf, name, expected) => {
    expect(places(machine({ [inMachine]: conf }).settings(), name)).toEqual(expected);
  });

  it('G-38 a push goes past the mirrors', () => {
    const settings = machine({ [inMachine]: mirrors }).settings();
    expect(settings.pushTo(parseReference('team/app'))).toEqual({
      host: 'registry-1.docker.io',
      repository: 'team/app',
      insecure: false,
    });
  });

  it('G-40 what is blocked is neither read nor pushed', () => {
    const settings = machine({ [inMachine]: '[[registry]]\nprefix = "a.e/x"\nblocked = true\n' }).settings();
    for (const ask of [
      () => settings.readTo(parseReference('a.e/x/y')),
      () => settings.pushTo(parseReference('a.e/x/y')),
    ]) {
      expect(ask).toThrow(expect.objectContaining({ code: 'REGISTRY_DENIED' }));
      expect(ask).toThrow(/a\.e\/x\/y:latest is blocked by .*registries\.conf/);
    }
    expect(places(settings, 'a.e/z')).toEqual(['a.e/z']);
  });

  it('G-40 a name that is moved to a bare host is refused, for its tag would be a port', () => {
    const conf = '[[registry]]\nprefix = "a.e/x"\nlocation = "b.e"\n';
    const settings = machine({ [inMachine]: conf }).settings();
    expect(places(settings, 'a.e/x/y:5000')).toEqual(['b.e/y']);
    expect(() => places(settings, 'a.e/x:5000')).toThrow(
      expect.objectContaining({ code: 'REGISTRY_CONFIG_INVALID' }),
    );
  });

  it('G-40 a folder of files that cannot be read is not taken for an empty one', () => {
    const { etc, settings } = machine({ [inMachine]: '' });
    const folder = join(etc, 'containers/registries.conf.d');
    symlinkSync(folder, folder);
    expect(() => settings()).toThrow(expect.objectContaining({ code: 'REGISTRY_CONFIG_INVALID' }));
  });

  it('G-40 files in their order', () => {
    const to = (host: string): string => `[[registry]]\nprefix = "a.e"\nlocation = "${host}"\n`;
    const files = {
      [inMachine]: to('machine.e'),
      [inHome]: to('home.e'),
      'etc/containers/registries.conf.d/10-a.conf': to('part.e'),
      'etc/containers/registries.conf.d/notes.txt': 'no = ',
      '~/.config/containers/registries.conf.d/10-a.conf': to('home-part.e'),
      'etc/named.conf': to('named.e'),
    };
    const left = new Map(Object.entries(files));
    const answers: (readonly string[])[] = [];
    for (const drop of ['', ...Object.keys(files).reverse().slice(1)]) {
      left.delete(drop);
      answers.push(places(machine(Object.fromEntries(left)).settings(), 'a.e/x'));
    }
    expect(answers.map(([first]) => first)).toEqual([
      'home-part.e/x',
      'part.e/x',
      'part.e/x',
      'home.e/x',
      'machine.e/x',
      'a.e/x',
    ]);
    const named = machine(files);
    const settings = named.settings({ CONTAINERS_REGISTRIES_CONF: join(named.etc, 'named.conf') });
    expect(places(settings, 'a.e/x')).toEqual(['named.e/x']);
  });

  it.each([
    ['no TOML', '[[registry]\n', /line 1: expected \]\]/],
    ['a wrong type', '[[registry]]\nlocation = "a"\ninsecure = "yes"\n', /registry\.0\.insecure/],
    ['no name', '[[registry]]\ninsecure = true\n', /neither prefix nor location/],
    ['a URL', '[[registry]]\nlocation = "https://a.e"\n', /registry\.0\.location/],
    ['a path', '[[registry]]\nlocation = "../../etc"\n', /registry\.0\.location/],
    ['a path upwards', '[[registry]]\nlocation = "a.e/../x"\n', /registry\.0\.location/],
    ['a query', '[[registry]]\nlocation = "a.e/x?y"\n', /registry\.0\.location/],
    ['a mirror of no place', '[[registry]]\nlocation = "a.e"\nmirror = [{}]\n', /mirror\.0\.location/],
    ['a key twice', '[[registry]]\nlocation = "a.e"\nlocation = "b.e"\n', /line 3: location is given twice/],
    ['too much', `#${'x'.repeat(2 ** 20)}`, /larger than/],
  ])('G-40 REGISTRY_CONFIG_INVALID says where: %s', (_what, conf, message) => {
    const ask = (): unknown => machine({ [inMachine]: conf }).settings();
    expect(ask).toThrow(expect.objectContaining({ code: 'REGISTRY_CONFIG_INVALID' }));
    expect(ask).toThrow(message);
    expect(ask).toThrow(/containers\/registries\.conf/);
  });
});

const pem = (what: string): string => `-----BEGIN CERTIFICATE-----\n${what}\n-----END CERTIFICATE-----\n`;

describe('certs.d', () => {
  const url = new URL('https://a.e:5000/v2/');
  const place = { host: 'a.e:5000', insecure: false };

  it('G-39 authorities and what we show, of the host with its port alone', () => {
    const folder = 'etc/docker/certs.d/a.e:5000';
    const settings = machine({
      [`${folder}/ca.crt`]: pem('ca'),
      [`${folder}/other.crt`]: pem('other'),
      [`${folder}/client.cert`]: pem('me'),
      [`${folder}/client.key`]: pem('key'),
      [`${folder}/README`]: 'text',
    }).settings();
    expect(settings.tls(url, place)).toEqual({
      authorities: [pem('ca'), pem('other')],
      client: { certificate: pem('me'), key: pem('key') },
      verify: true,
    });
    expect(settings.tls(new URL('https://a.e/v2/'), place)).toBeUndefined();
    expect(settings.tls(new URL('https://storage.e:5000/v2/'), place)).toBeUndefined();
  });

  it('G-39 the first folder that is there counts, the user’s before the machine’s', () => {
    const folders = [
      '~/.config/containers/certs.d',
      '~/.docker/certs.d',
      'etc/containers/certs.d',
      'etc/docker/certs.d',
    ];
    const found = folders.map((_, index) => {
      const files = folders.slice(index).map((folder) => [`${folder}/a.e:5000/ca.crt`, pem(folder)]);
      return machine(Object.fromEntries(files) as Record<string, string>)
        .settings()
        .tls(url, place)?.authorities;
    });
    expect(found).toEqual(folders.map((folder) => [pem(folder)]));
  });

  it('G-17 G-39 Docker Hub’s are filed under its name', () => {
    const settings = machine({ '~/.docker/certs.d/docker.io/ca.crt': pem('hub') }).settings();
    const hub = { host: 'registry-1.docker.io', insecure: false };
    expect(settings.tls(new URL('https://registry-1.docker.io/v2/'), hub)?.authorities).toEqual([pem('hub')]);
  });

  it.each([
    ['a key alone', { 'c.key': pem('key') }, /c\.key: a \.key needs a \.cert/],
    ['a certificate alone', { 'c.cert': pem('me') }, /c\.key: it is missing/],
    ['no PEM', { 'ca.crt': 'binary' }, /ca\.crt: it is not in PEM form/],
    ['a folder', { 'ca.crt/x': '' }, /ca\.crt: it is not a file/],
  ])('G-39 REGISTRY_CONFIG_INVALID says where: %s', (_what, files, message) => {
    const named = Object.entries(files).map(([name, text]) => [`etc/docker/certs.d/a.e:5000/${name}`, text]);
    const { settings } = machine(Object.fromEntries(named) as Record<string, string>);
    expect(() => settings().tls(url, place)).toThrow(message);
    expect(() => settings().tls(url, place)).toThrow(
      expect.objectContaining({ code: 'REGISTRY_CONFIG_INVALID' }),
    );
  });

  it.each(['..', '%2e%2e', 'a/../b'])('a host that would be another folder has none: %s', (host) => {
    const settings = machine({
      'etc/docker/ca.crt': pem('x'),
      'etc/docker/certs.d/x/ca.crt': pem('x'),
    }).settings();
    const hostile = { host: 'a.e', insecure: false };
    expect(settings.tls(new URL(`http://a.e`), { ...hostile, host: 'a.e' })).toBeUndefined();
    if (URL.canParse(`https://${host}/`)) {
      expect(settings.tls(new URL(`https://${host}/`), hostile)).toBeUndefined();
    }
  });
});

describe('insecure by name', () => {
  const off = { host: 'other.e', insecure: false };
  it.each([
    ['a.e', 'https://a.e/', false],
    ['a.e', 'https://a.e:5000/', undefined],
    ['a.e:5000', 'https://a.e:5000/', false],
    ['a.e', 'https://b.a.e/', undefined],
    ['x.e, a.e ,', 'https://a.e/', false],
    ['10.0.0.0/8', 'https://10.0.0.1/', undefined],
    ['*', 'https://a.e/', undefined],
    ['', 'https://a.e/', undefined],
  ])('G-37 S-64 %j and %s', (named, url, verify) => {
    const settings = machine({}).settings({ TSBUILD_INSECURE_REGISTRIES: named });
    expect(settings.tls(new URL(url), off)?.verify).toBe(verify);
  });

  it('G-37 G-40 a login goes by what registries.conf says of the whole host', () => {
    const conf =
      '[[registry]]\nprefix = "a.e"\ninsecure = true\n[[registry]]\nprefix = "b.e/x"\ninsecure = true\n';
    const settings = machine({ [inMachine]: conf }).settings({ TSBUILD_INSECURE_REGISTRIES: 'c.e' });
    const insecure = ['a.e', 'b.e', 'c.e', 'd.e'].filter((host) => settings.hostPlace(host).insecure);
    expect(insecure).toEqual(['a.e', 'c.e']);
  });

  it('S-64 of a place that is insecure no other host is', () => {
    const settings = machine({
      [inMachine]: '[[registry]]\nlocation = "a.e:443/x"\ninsecure = true\n',
    }).settings();
    const [place] = settings.readTo(parseReference('a.e:443/x/y'));
    expect(settings.tls(new URL('https://a.e/v2/'), place!)?.verify).toBe(false);
    expect(settings.tls(new URL('https://storage.e/v2/'), place!)).toBeUndefined();
    // Nor another repository of the same host.
    expect(settings.readTo(parseReference('a.e:443/z'))[0]?.insecure).toBe(false);
  });
});
