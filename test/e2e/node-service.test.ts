import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBase, type Tsbuild } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { processesOf } from '../support/run-folder.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('fixtures/node-service', () => {
  requires('root', 'overlay', 'debian-base', 'network:debian', 'network:npm');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBase();
    const certificates = process.env['NODE_EXTRA_CA_CERTS'] ?? '/etc/ssl/certs/ca-certificates.crt';
    const secret = existsSync(certificates) ? ['--secret', `id=ca,src=${certificates}`] : [];
    await cli.ok(['build', ...secret, '-t', 'service', join(projectRoot, 'fixtures/node-service')]);
  });

  it('answers over HTTP as a user that is not root', async () => {
    const port = await freePort();
    const id = await cli.ok(['run', '-d', '--rm', '--network', 'host', '-e', `PORT=${port}`, 'service']);
    expect(id).toMatch(/^[0-9a-f]{12,64}$/);
    const answer = async (): Promise<unknown> => (await fetch(`http://127.0.0.1:${port}/hello`)).json();
    await expect.poll(answer).toMatchObject({ hello: '/hello', pid: 1, user: 1500 });
    // Process 1 of the container, seen from outside, is the one that listens.
    const [, pid = ''] = /pid=(\d+)/.exec(await runOk(['ss', '-Hltnp', `sport = :${port}`])) ?? [];
    process.kill(Number(pid), 'SIGTERM');
    // With its process gone, --rm leaves neither monitor nor mounts.
    await expect.poll(() => processesOf(cli.root)).toEqual([]);
  });

  it('keeps the certificate out of the image', async () => {
    const { path } = tempFolder('service');
    await cli.ok(['save', '-o', join(path, 'service.tar'), 'service']);
    await runOk(['tar', '-xf', join(path, 'service.tar'), '-C', path]);
    const layers = await runOk([
      'sh',
      '-c',
      'for f in $(find "$0" -type f); do tar -tf "$f" 2>/dev/null; done; true',
      path,
    ]);
    expect(layers).toMatch(/app\/server\.mjs/);
    expect(layers).not.toMatch(/run\/ca\.pem/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
