import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { errorCodes, type ErrorCode } from '../../src/core/index.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { expectGolden } from '../support/golden.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';

/** What a situation finds: a store with `busybox:1`, and a server whose path says what it answers, as `/500/…`. */
interface World {
  readonly cli: Tsbuild;
  readonly server: string;
  /** An address of this machine where nobody listens. */
  readonly closed: string;
}

/** A command line that fails. */
interface Situation {
  readonly args: readonly string[];
  /** The store, if it is another one. */
  readonly cli?: Tsbuild;
  readonly cwd?: string;
}

type Files = Readonly<Record<string, string>>;

function build(dockerfile: string, files: Files = {}, flags: readonly string[] = []): () => Situation {
  return () => ({ args: ['build', ...flags, '.'], cwd: makeContext({ Dockerfile: dockerfile, ...files }) });
}

function command(...args: readonly string[]): () => Situation {
  return () => ({ args });
}

/** A store of its own that the action spoils. */
async function spoilt(action: (cli: Tsbuild) => void): Promise<Tsbuild> {
  const cli = await tsbuildWithBusybox();
  action(cli);
  return cli;
}

/** How a user meets each code, or the test that knows: some need a race, a limit, or a machine that lacks something. */
const situations: Readonly<Record<ErrorCode, ((world: World) => Situation | Promise<Situation>) | string>> = {
  USAGE: command('build', '--traget', 'x', '.'),
  DOCKERFILE_NOT_FOUND: () => ({ args: ['build', '.'], cwd: makeContext({ 'main.c': '' }) }),
  DOCKERFILE_SYNTAX: build('FROM busybox:1 AS build\n\nFROM busybox:1\nCOPY --form=build /a /a\n'),
  DOCKERFILE_EXPANSION: build('FROM busybox:1\nARG NAME\nWORKDIR /srv/${NAME:?the service to build}\n'),
  DOCKERFILE_INVALID: build('FROM busybox:1\nEXPOSE 80 99999/tcp\n'),
  DOCKERFILE_UNSUPPORTED: build('# syntax=example.com/frontend:2\nFROM busybox:1\n'),
  DOCKERFILE_CHECK: build('# check=error=true\nFROM busybox:1 AS Build\n'),
  STAGE_NOT_FOUND: build('FROM busybox:1 AS build\nFROM busybox:1 AS test\n', {}, ['--target', 'tset']),
  IGNORE_PATTERN_INVALID: build('FROM busybox:1\nCOPY . /\n', { '.dockerignore': '*.o\nsrc/[a-\n' }),
  CONTEXT_NOT_FOUND: () => ({ args: ['build', 'srv'], cwd: makeContext({ 'src/Dockerfile': '' }) }),
  CONTEXT_CHANGED: 'test/ops/copy-race.test.ts',
  COPY_SOURCE_NOT_FOUND: build('FROM busybox:1\nCOPY mian.c util.c \\\n  /src/\n', {
    'main.c': '',
    'util.c': '',
  }),
  COPY_FAILED: build('FROM busybox:1\nCOPY a /bin/busybox/\n', { a: '' }),
  SOURCE_UNREACHABLE: ({ closed }) => build(`FROM busybox:1\nADD http://${closed}/release.tar /\n`)(),
  SOURCE_DENIED: ({ server }) => build(`FROM busybox:1\nADD http://${server}/401/release.tar /\n`)(),
  SOURCE_NOT_FOUND: ({ server }) => build(`FROM busybox:1\nADD http://${server}/404/release.tar /\n`)(),
  SOURCE_INVALID: ({ server }) =>
    build(`FROM busybox:1\nADD --checksum=sha256:${'0'.repeat(64)} http://${server}/200/release.tar /\n`)(),
  POLICY_INVALID: build('FROM busybox:1\n', { 'policy.json': '{"rules":[{"selecter":{}}]}' }, [
    '--source-policy-file',
    'policy.json',
  ]),
  POLICY_DENIED: build(
    'FROM busybox:1 AS tools\n',
    {
      'policy.json': '{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://docker.io/*"}}]}',
    },
    ['--source-policy-file', 'policy.json'],
  ),
  LOCK_OUTDATED: build('FROM busybox:1\n', { 'Dockerfile.lock': '{"rules":[]}' }, ['--locked']),
  RUN_FAILED: build('FROM busybox:1\nRUN echo compiling && \\\n    mkae --jobs=4 all\n'),
  USER_NOT_FOUND: build('FROM busybox:1\nUSER nobdy\nRUN true\n'),
  IMAGE_NOT_FOUND: command('rmi', 'busybx:1'),
  IMAGE_INVALID: ({ server }) => ({ args: ['pull', `${server}/v2-not-json:1`] }),
  IMAGE_IN_USE: async ({ cli }) => {
    await cli.ok(['run', '--name', 'holder', 'busybox:1', 'true']);
    return { args: ['rmi', 'busybox:1'] };
  },
  PLATFORM_MISMATCH: 'test/registry/pull.test.ts',
  REFERENCE_INVALID: build('FROM busybox:1\n', {}, ['-t', 'My App']),
  DIGEST_INVALID: 'test/support/blobstore-suite.ts',
  DIGEST_MISMATCH: 'test/image/archive-hostile.test.ts',
  ATTESTATION_FAILED: build('FROM scratch\nCOPY var /var\n', { 'var/lib/dpkg/status/x': '' }, [
    '--sbom=true',
  ]),
  BLOB_NOT_FOUND: async () => ({
    args: ['save', '-o', '/dev/null', 'busybox:1'],
    cli: await spoilt(({ root }) => {
      const folder = join(root, 'oci/blobs/sha256');
      const size = (name: string) => statSync(join(folder, name)).size;
      const [layer = ''] = readdirSync(folder).sort((one, other) => size(other) - size(one));
      rmSync(join(folder, layer));
    }),
  }),
  NAME_RESERVED: build('FROM busybox:1\nRUN touch /srv.txt /.wh.srv\n'),
  ARCHIVE_INVALID: () => ({
    args: ['load', '-i', 'a.tar'],
    cwd: makeContext({ 'a.tar': 'no archive at all' }),
  }),
  ARCHIVE_LIMIT: 'test/hostile/bombs.test.ts',
  STORE_VERSION: async () => ({
    args: ['images'],
    cli: await spoilt(({ root }) => {
      writeFileSync(join(root, 'format.json'), '{"version":99}');
    }),
  }),
  STORE_DAMAGED: async () => ({
    args: ['images'],
    cli: await spoilt(({ root }) => {
      writeFileSync(join(root, 'format.json'), 'oh');
    }),
  }),
  CACHE_MISMATCH: 'test/remote-cache/verify.test.ts',
  REGISTRY_UNREACHABLE: ({ closed }) => build(`FROM busybox:1 AS a\nFROM ${closed}/team/base:1 AS b\n`)(),
  REGISTRY_DENIED: ({ server }) => ({ args: ['pull', `${server}/401/app:1`] }),
  REGISTRY_ERROR: ({ server }) => ({ args: ['pull', `${server}/418/app:1`] }),
  CREDENTIALS_INVALID: 'test/registry/credentials.test.ts',
  REGISTRY_CONFIG_INVALID: 'test/registry/settings.test.ts',
  CACHE_SERVICE_UNREACHABLE: 'test/object-store/failure.test.ts',
  CACHE_SERVICE_DENIED: 'test/object-store/failure.test.ts',
  CACHE_SERVICE_ERROR: 'test/object-store/failure.test.ts',
  DISK_FULL: command('save', '-o', '/dev/full', 'busybox:1'),
  PERMISSION_DENIED: () => ({ args: ['images'], cli: tsbuild('/sys/kernel/tsbuild') }),
  IO_ERROR: () => ({ args: ['images'], cli: tsbuild('/dev/null/tsbuild') }),
  HOST_UNSUPPORTED: 'test/rootless/refusals.test.ts',
  EMULATOR_MISSING: 'test/e2e/foreign-platforms.test.ts',
  RUNTIME_SETUP: 'test/runtime/container.test.ts',
  COMMAND_NOT_FOUND: command('run', '--rm', 'busybox:1', 'mkae', 'all'),
  COMMAND_NOT_EXECUTABLE: command('run', '--rm', 'busybox:1', '/etc'),
  LIMIT_UNAVAILABLE: 'test/cli/warnings.test.ts',
  CONTAINER_NOT_FOUND: command('logs', 'nothing'),
  CONTAINER_NAME_IN_USE: async ({ cli }) => {
    await cli.ok(['run', '--name', 'web', 'busybox:1', 'true']);
    return { args: ['run', '--name', 'web', 'busybox:1', 'true'] };
  },
  CONTAINER_STATE: async ({ cli }) => {
    await cli.ok(['run', '--name', 'over', 'busybox:1', 'true']);
    return { args: ['kill', 'over'] };
  },
  CACHE_NOT_FOUND: command('cache', 'rm', '/root/.npm'),
  CACHE_IN_USE: 'test/ops/cache-mounts/refusals.test.ts',
  VOLUME_NOT_FOUND: command('volume', 'rm', 'dta'),
  VOLUME_IN_USE: async ({ cli }) => {
    await cli.ok(['run', '--name', 'db', '-v', 'data:/data', 'busybox:1', 'true']);
    return { args: ['volume', 'rm', 'data'] };
  },
  PORT_IN_USE: ({ server }) => ({ args: ['run', '--rm', '-p', `${server}:80`, 'busybox:1', 'true'] }),
  NETWORK_UNAVAILABLE: 'test/network/open.test.ts',
  ENTITLEMENT_REQUIRED: build('FROM busybox:1\nRUN --security=insecure mount -t tmpfs none /mnt\n'),
  SSH_INVALID: build('FROM busybox:1\nRUN --mount=type=ssh true\n', {}, ['--ssh', 'default=/nowhere/agent']),
  SECRET_INVALID: build('FROM busybox:1\n', {}, ['--secret', 'id=key,src=/nowhere/key']),
  INTERRUPTED: 'test/e2e/interrupt.test.ts',
  INTERNAL: 'test/solver/failures.test.ts',
};

function addressOf(listening: Server): string {
  return `127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

const codes = Object.keys(errorCodes) as ErrorCode[];
const shown = codes.filter((code) => typeof situations[code] !== 'string');

describe('what a user sees of each error', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  let server: Server;
  let closed: string;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
    server = createServer((request, response) => {
      const status = /\/([2-5]\d\d)\//.exec(request.url ?? '')?.[1] ?? '200';
      response.writeHead(Number(status), { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
      response.end('not what was asked for');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const gone = createServer();
    await once(gone.listen(0, '127.0.0.1'), 'listening');
    closed = addressOf(gone);
    await once(gone.close(), 'close');
  });
  afterAll(() => server.close());

  it.each(shown)('S-78 L-012 %s', async (code) => {
    const situation = situations[code];
    if (typeof situation === 'string') throw new Error('it is shown elsewhere');
    const address = addressOf(server);
    const { args, cwd, cli: own = cli } = await situation({ cli, server: address, closed });
    const { status, stderr } = await own.run(args, cwd === undefined ? {} : { cwd });
    expect(stderr).toContain(`[${code}]\n`);
    expect(stderr).toMatch(/\n {2}hint: .+\n$/);
    // Other statuses of run are those of the program.
    const own125 = args[0] === 'run' && errorCodes[code].exit === 1;
    expect(status, stderr).toBe(own125 ? 125 : errorCodes[code].exit);
    const text = `$ tsbuild ${args.join(' ')}\n${stderr}`
      .replaceAll(own.root, 'ROOT')
      .replaceAll(cwd ?? '\0', 'HERE')
      .replaceAll(address, 'SERVER')
      .replaceAll(`port ${address.split(':')[1]}`, 'port PORT')
      .replaceAll(closed, 'CLOSED')
      .replaceAll(/[0-9a-f]{64}|\b[0-9a-f]{12}\b/g, 'HEX')
      // The progress: its times are another's.
      .replaceAll(/^#\d+ .*\n/gm, '');
    expectGolden(join(projectRoot, 'fixtures/errors', `${code}.txt`), text);
  });

  it('S-78 every other code is produced by the test that is named for it', () => {
    for (const code of codes) {
      const test = situations[code];
      if (typeof test !== 'string') continue;
      expect(readFileSync(join(projectRoot, test), 'utf8'), `${code} in ${test}`).toContain(code);
    }
    const files = readdirSync(join(projectRoot, 'fixtures/errors'));
    expect(files.sort()).toEqual(shown.map((code) => `${code}.txt`).sort());
  });
});
