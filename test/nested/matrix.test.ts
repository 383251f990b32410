import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tsbuild } from '../support/cli.ts';
import { findTool, requires } from '../support/requires.ts';
import { runOk, type CommandResult } from '../support/run-command.ts';
import { discardPodman, tsbuildInside, type Surroundings } from '../support/surrounding-container.ts';
import { tempFolder } from '../support/temp-folder.ts';

type Fallback = 'storage copy' | 'isolation chroot' | 'process shared /proc';

interface Cell extends Surroundings {
  /** Exactly these are named in warnings, and the image is the host's; or the build is refused with this in its hint. */
  readonly expected: readonly Fallback[] | { readonly refused: RegExp };
}

const inNamespaces = ['storage copy', 'process shared /proc'] as const;

/** Who may do how much by default is the engines' choice: podman's filter allows user namespaces, docker's does not. */
const cells: readonly Cell[] = [
  { engine: 'docker', user: 'root', security: 'default', expected: ['storage copy', 'isolation chroot'] },
  { engine: 'docker', user: 'root', security: 'seccomp=unconfined', expected: inNamespaces },
  { engine: 'docker', user: 'root', security: 'privileged', expected: ['storage copy'] },
  {
    engine: 'docker',
    user: 1000,
    security: 'default',
    expected: { refused: /--security-opt seccomp=unconfined/ },
  },
  { engine: 'docker', user: 1000, security: 'seccomp=unconfined', expected: inNamespaces },
  { engine: 'docker', user: 1000, security: 'privileged', expected: ['storage copy'] },
  { engine: 'podman', user: 'root', security: 'default', expected: inNamespaces },
  { engine: 'podman', user: 'root', security: 'seccomp=unconfined', expected: inNamespaces },
  { engine: 'podman', user: 'root', security: 'privileged', expected: ['storage copy'] },
  { engine: 'podman', user: 1000, security: 'default', expected: inNamespaces },
  { engine: 'podman', user: 1000, security: 'seccomp=unconfined', expected: inNamespaces },
  { engine: 'podman', user: 1000, security: 'privileged', expected: ['storage copy'] },
];

/** Times are set where steps make files: of a directory's own, the kernel's clock else shows in the layer. */
const dockerfile = `FROM scratch
COPY rootfs/ /
RUN rm /etc/gone && mkdir /dir && ln -s x /dir/l && chmod 600 /etc/stay && ln /etc/stay /dir/hard && \\
    touch -h -d @1 /dir/* /dir /etc/stay /etc
RUN --mount=type=secret,id=s --mount=type=cache,target=/var/cache/x --mount=type=tmpfs,target=/scratch \\
    --mount=type=bind,target=/ctx test "$(cat /run/secrets/s)" = hidden-word && test -f /ctx/Dockerfile && \\
    echo >> /var/cache/x/log && echo > /scratch/x && echo > /dev/null && test -w /dev/shm
RUN grep -q nameserver /etc/resolv.conf
`;

const withUsers = `${dockerfile}RUN cp /etc/stay /home/stay && chown 1000:1000 /home/stay /home && touch -d @1 /home/stay /home
USER 1000
RUN id -u > /home/own && touch -d @1 /home/own /home
`;

/** Those that are named in warnings, sorted. */
function fallbacks({ stderr }: CommandResult): string[] {
  const named = stderr.matchAll(/warning: (\w+) fallback "([^"]+)"/g);
  return [...named].map(([, kind, name]) => `${kind} ${name}`).toSorted();
}

/** Of a build that must have ended well: what it said is in the message else. */
function idOf({ status, stderr }: CommandResult): string {
  const id = /^built (sha256:[0-9a-f]{64})$/m.exec(stderr)?.[1];
  if (status !== 0 || id === undefined) throw new Error(`the build ended with ${status}:\n${stderr}`);
  return id;
}

describe('tsbuild in a container of', () => {
  requires('docker', 'tool:podman', 'tool:busybox', 'overlay');

  const folder = tempFolder('nested').path;
  const ids = new Map<string, string>();

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    const program = findTool('busybox') ?? '/bin/busybox';
    for (const path of ['bin', 'etc', 'home', 'var'])
      mkdirSync(join(folder, 'context/rootfs', path), { recursive: true });
    copyFileSync(program, join(folder, 'context/rootfs/bin/busybox'));
    await runOk([
      'sh',
      '-c',
      'for n in $("$0" --list); do [ $n = busybox ] || ln -s busybox "$1/$n"; done',
      program,
      join(folder, 'context/rootfs/bin'),
    ]);
    for (const name of ['gone', 'stay', 'resolv.conf'])
      writeFileSync(join(folder, 'context/rootfs/etc', name), `${name}\n`);
    writeFileSync(join(folder, 'secret'), 'hidden-word', { mode: 0o644 });
    writeFileSync(join(folder, 'context/Dockerfile'), dockerfile);
    writeFileSync(join(folder, 'context/Dockerfile.users'), withUsers);
    await runOk(['find', join(folder, 'context'), '-exec', 'touch', '-h', '-d', '@1700000000', '{}', '+']);
    const host = tsbuild();
    for (const file of ['Dockerfile', 'Dockerfile.users']) {
      ids.set(
        file,
        idOf(
          await host.run(buildArgs(join(folder, 'context'), file, join(folder, 'secret')), {
            env: { SOURCE_DATE_EPOCH: '1' },
          }),
        ),
      );
    }
  });
  afterAll(discardPodman);

  const buildArgs = (context: string, file: string, secret: string): string[] => [
    ...['build', '--progress', 'plain', '-f', join(context, file), '--secret', `id=s,src=${secret}`, context],
  ];

  const contextVolumes = (): string[] => [
    `${join(folder, 'context')}:/context:ro`,
    `${join(folder, 'secret')}:/secret:ro`,
  ];

  it.each(cells)('$engine, as $user, $security', async ({ expected, ...surroundings }) => {
    // One id alone exists for a user whose image has no newuidmap.
    const file = surroundings.user === 'root' ? 'Dockerfile.users' : 'Dockerfile';
    const volumes = contextVolumes();
    const ended = await tsbuildInside({ ...surroundings, volumes }, [
      ...['--root', '/tmp/store'],
      ...buildArgs('/context', file, '/secret'),
    ]);
    const { status, stderr } = ended;
    if ('refused' in expected) {
      expect({ status, stderr }).toMatchObject({
        status: 8,
        stderr: expect.stringMatching(expected.refused) as string,
      });
      expect(stderr).toContain('[HOST_UNSUPPORTED]');
      return;
    }
    expect(idOf(ended)).toBe(ids.get(file));
    expect(fallbacks(ended)).toEqual([...expected].toSorted());
  });

  it('with its store on a volume nothing is copied, and one store does for all', async () => {
    const store = tempFolder('store').path;
    const volumes = [...contextVolumes(), `${store}:/store`];
    const args = ['--root', '/store', ...buildArgs('/context', 'Dockerfile.users', '/secret')];
    const cases = [
      { engine: 'docker', security: 'privileged', expected: [] },
      { engine: 'docker', security: 'seccomp=unconfined', expected: ['process shared /proc'] },
      { engine: 'docker', security: 'default', expected: ['isolation chroot', 'storage copy'] },
      { engine: 'podman', security: 'default', expected: ['process shared /proc'] },
    ] as const;
    for (const { expected, ...surroundings } of cases) {
      const ended = await tsbuildInside({ ...surroundings, user: 'root', volumes }, [...args, '--no-cache']);
      expect(idOf(ended)).toBe(ids.get('Dockerfile.users'));
      expect(fallbacks(ended)).toEqual(expected);
    }
  });

  it.each([
    {
      engine: 'docker',
      user: 'root',
      security: 'default',
      hint: /--security-opt seccomp=unconfined.*-v tsbuild:/,
    },
    { engine: 'podman', user: 'root', security: 'privileged', hint: /-v tsbuild:\/tmp\/store/ },
  ] as const)(
    '$engine, $security: a container that cannot be had says what to add',
    async ({ hint, ...surroundings }) => {
      const { status, stderr } = await tsbuildInside(surroundings, [
        '--root',
        '/tmp/store',
        'run',
        'any',
        'true',
      ]);
      // As docker's own exit status for a container that could not be made.
      expect(status).toBe(125);
      expect(stderr).toMatch(/containers need an overlay, and none can be mounted .*\[HOST_UNSUPPORTED\]/);
      expect(stderr).toMatch(hint);
    },
  );
});
