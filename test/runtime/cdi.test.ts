import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { deviceEdits } from '../../src/runtime/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const edits = (name: string): object => ({ env: [`NAME=${name}`] });

/** A folder of specs for `cdi`, by file name. */
function specs(files: Readonly<Record<string, unknown>>): string {
  const folder = tempFolder('cdi').path;
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

function spec(kind: string, names: readonly string[], more: object = {}): object {
  const devices = names.map((name) => ({ name, containerEdits: edits(name) }));
  return { cdiVersion: '0.6.0', kind, devices, ...more };
}

const asked = (name: string, required = true): { name: string; required: boolean }[] => [{ name, required }];

describe('devices of the Container Device Interface', () => {
  const classed = `
cdiVersion: "0.6.0"
kind: vendor.com/deviceclass
annotations:
  org.mobyproject.buildkit.device.autoallow: true
devices:
  - { name: foo, annotations: { org.mobyproject.buildkit.device.class: class1 }, containerEdits: { env: [NAME=foo] } }
  - { name: bar, annotations: { org.mobyproject.buildkit.device.class: class1 }, containerEdits: { env: [NAME=bar] } }
  - { name: baz, annotations: { org.mobyproject.buildkit.device.class: class2 }, containerEdits: { env: [NAME=baz] } }
`;
  const folder = specs({
    'a.json': spec('vendor.com/device', ['zeta', 'beta', 'alpha']),
    'b.yaml': classed,
    'ignored.txt': 'no spec',
    'broken.json': '{',
  });

  it.each([
    ['vendor.com/device=beta', ['beta']],
    ['vendor.com/device', ['alpha']],
    ['vendor.com/device=*', ['alpha', 'beta', 'zeta']],
    ['vendor.com/deviceclass=class1', ['bar', 'foo']],
    ['class2', ['baz']],
    ['class1', ['bar', 'foo']],
  ])('L-126 %s is %j', async (name, expected) => {
    const { env } = await deviceEdits(asked(name), [folder]);
    expect(env).toEqual(expected.map((each) => `NAME=${each}`));
  });

  it('L-126 each device once, and the edits of its spec once', async () => {
    const common = { containerEdits: { env: ['COMMON=1'] } };
    const own = specs({ 'a.json': spec('v.com/d', ['a', 'b'], common) });
    const requests = [...asked('v.com/d=b'), ...asked('v.com/d=*')];
    expect((await deviceEdits(requests, [own])).env).toEqual(['COMMON=1', 'NAME=b', 'NAME=a']);
  });

  it('L-126 a later folder goes before an earlier one, and two specs of one name in a folder for none', async () => {
    const earlier = specs({ 'a.json': spec('v.com/d', ['a', 'b', 'c']) });
    const changed = {
      cdiVersion: '0.6.0',
      kind: 'v.com/d',
      devices: [{ name: 'a', containerEdits: { env: ['NAME=new'] } }],
    };
    const later = specs({
      'a.json': changed,
      'b.json': spec('v.com/d', ['b']),
      'c.json': spec('v.com/d', ['b']),
    });
    const { env } = await deviceEdits(asked('v.com/d=*'), [earlier, later, '/none']);
    expect(env).toEqual(['NAME=new', 'NAME=c']);
  });

  it.each(['', 'vendor.com/', '/device', 'vendor.com/device=a b', '../x/y', 'vendor.com/device/more'])(
    'L-126 %j is no name of a device',
    async (name) => {
      await expect(deviceEdits(asked(name), [folder])).rejects.toMatchObject({ code: 'DOCKERFILE_INVALID' });
    },
  );

  it('L-126 what is missing is an error when it is required, with what it may mean and what could not be read', async () => {
    const { missing } = await deviceEdits(asked('vendor.com/devise=beta', false), [folder]);
    expect(missing).toEqual(['vendor.com/devise=beta']);
    await expect(deviceEdits(asked('vendor.com/devise=beta'), [folder])).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      hint: expect.stringMatching(/did you mean vendor\.com\/device=beta\?; .*broken\.json/) as string,
    });
  });

  it('L-126 nodes have the numbers of the spec, or else of the host', async () => {
    const deviceNodes = [
      { path: '/dev/full' },
      { path: '/dev/other', hostPath: '/dev/zero', fileMode: 0o600, uid: 5, gid: 6, permissions: 'r' },
      { path: '/dev/disk', type: 'b', major: 8, minor: 1 },
      { path: '/dev/pipe', type: 'p' },
    ];
    const { devices } = await deviceEdits(asked('v.com/d=x'), [nodeFolder({ deviceNodes })]);
    expect(devices).toEqual([
      { path: '/dev/full', type: 'c', major: 1, minor: 7, access: 'rwm' },
      {
        ...{ path: '/dev/other', hostPath: '/dev/zero', type: 'c', major: 1, minor: 5 },
        ...{ fileMode: 0o600, uid: 5, gid: 6, access: 'r' },
      },
      { path: '/dev/disk', type: 'b', major: 8, minor: 1, access: 'rwm' },
      { path: '/dev/pipe', type: 'p', major: 0, minor: 0, access: 'rwm' },
    ]);
  });

  it('L-126 mounts are binds unless the spec says otherwise; groups but that of the superuser are joined', async () => {
    const mounts = [
      { hostPath: '/opt/lib', containerPath: '/usr/lib/vendor' },
      { hostPath: 'tmpfs', containerPath: '/scratch', type: 'tmpfs', options: ['size=1m'] },
    ];
    const made = await deviceEdits(asked('v.com/d=x'), [nodeFolder({ mounts, additionalGids: [44, 0] })]);
    expect(made.mounts).toEqual([
      { destination: '/usr/lib/vendor', type: 'bind', source: '/opt/lib', options: ['bind'] },
      { destination: '/scratch', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] },
    ]);
    expect(made.additionalGids).toEqual([44]);
  });

  it('R-03 L-126 hooks are programs of the host: only for those who allow them, stage by stage', async () => {
    const hook = { path: '/bin/true', args: ['true', 'x'], env: ['A=b'], timeout: 3 };
    const hooks = [
      { hookName: 'createContainer', ...hook },
      { hookName: 'prestart', path: '/bin/one' },
      { hookName: 'prestart', path: '/bin/two' },
    ];
    const own = [nodeFolder({ hooks })];
    await expect(deviceEdits(asked('v.com/d=x'), own)).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      hint: expect.stringContaining('--cdi-hooks') as string,
    });
    const made = await deviceEdits(asked('v.com/d=x'), own, { hooksAllowed: true });
    expect(made.hooks).toEqual({
      prestart: [{ path: '/bin/one' }, { path: '/bin/two' }],
      createContainer: [hook],
    });
  });

  it.each([
    ['hooks', { hooks: [{ hookName: 'prestart', path: '/bin/true' }] }, /wants hooks/],
    ['network devices', { netDevices: [{ hostInterfaceName: 'eth0', name: 'eth0' }] }, /network devices/],
    ['RDT classes', { intelRdt: { closID: 'x' } }, /Intel RDT/],
    [
      'a node outside of /dev',
      { deviceNodes: [{ path: '/etc/x', type: 'c', major: 1, minor: 1 }] },
      /outside of \/dev/,
    ],
    [
      'a node that leaves /dev',
      { deviceNodes: [{ path: '/dev/../etc/x', type: 'c', major: 1, minor: 1 }] },
      /outside of \/dev/,
    ],
    ['a device that is not there', { deviceNodes: [{ path: '/dev/none' }] }, /cannot be found/],
    ['what is no device', { deviceNodes: [{ path: '/dev/x', hostPath: '/etc/passwd' }] }, /not a device/],
    ['a mount over the root', { mounts: [{ hostPath: '/x', containerPath: '/.' }] }, /over \//],
    // Specs that are not valid: their devices are not registered.
    ['an edit unknown', { something: [] }, /is not registered/],
    ['a relative path', { deviceNodes: [{ path: 'dev/x' }] }, /is not registered/],
    ['a variable without name', { env: ['=x'] }, /is not registered/],
  ])('L-126 S-35 refuses %s', async (_, containerEdits, message) => {
    await expect(deviceEdits(asked('v.com/d=x'), [nodeFolder(containerEdits)])).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['too large', `{"a":"${'x'.repeat(4 * 1024 * 1024)}"}`],
    ['full of aliases', bomb()],
    ['nested without end', '['.repeat(100_000)],
  ])('L-126 a spec that is %s keeps no other from being read', async (_, text) => {
    const own = specs({ 'a.yaml': text, 'b.json': spec('v.com/d', ['a']) });
    mkdirSync(join(own, 'folder.json'));
    expect((await deviceEdits(asked('v.com/d'), [own])).env).toEqual(['NAME=a']);
  });
});

function nodeFolder(containerEdits: object): string {
  return specs({
    'a.json': { cdiVersion: '1.0.0', kind: 'v.com/d', devices: [{ name: 'x', containerEdits }] },
  });
}

function bomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 12; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(',')}]`,
    );
  return lines.join('\n');
}
