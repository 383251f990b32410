import { createHash } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuildWithBase, type Tsbuild } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';

describe('fixtures/nginx on the bridge', () => {
  requires('root', 'overlay', 'debian-base', 'network:debian');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBase();
    await cli.ok(['build', '-t', 'nginx', join(projectRoot, 'fixtures/nginx')]);
  });

  const page = async (address: string, path = ''): Promise<string> =>
    (await fetch(`http://${address}/${path}`)).text();

  it('R-53 C-71 answers at its published port, to this machine and to other containers', async () => {
    await cli.ok(['run', '-d', '--name', 'web', '-P', 'nginx']);
    const port = /:(\d+)$/.exec(await cli.ok(['port', 'web', '80']))?.[1] ?? '';
    await expect.poll(() => page(`127.0.0.1:${port}`)).toContain('served from a container');
    const own = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => address);
    for (const address of [...own, '[::1]']) expect(await page(`${address}:${port}`)).toContain('served');

    const answers = await Promise.all(Array.from({ length: 100 }, () => page(`127.0.0.1:${port}`)));
    expect(answers.every((text) => text === answers[0])).toBe(true);
    const large = await (await fetch(`http://127.0.0.1:${port}/large`)).arrayBuffer();
    const digest = createHash('sha256').update(Buffer.from(large)).digest('hex');
    expect(await page(`127.0.0.1:${port}`, 'large.sha256')).toContain(digest);

    const request = 'exec 3<>/dev/tcp/web/80; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3';
    expect(await cli.ok(['run', '--rm', 'nginx', 'bash', '-c', request])).toContain(
      'served from a container',
    );
    expect(await cli.ok(['exec', 'web', 'bash', '-c', request.replace('web', '127.0.0.1')])).toContain(
      'served',
    );
    expect((await cli.ok(['logs', 'web'])).match(/"GET /g)?.length).toBeGreaterThan(100);

    // The way out, and the names of the world.
    const mirror = request.replace('web', 'deb.debian.org');
    expect(await cli.ok(['exec', 'web', 'bash', '-c', mirror])).toMatch(/^HTTP\/1/);

    await cli.ok(['stop', 'web']);
    expect(await cli.ok(['wait', 'web'])).toBe('0');
    await expect(page(`127.0.0.1:${port}`)).rejects.toThrow();
    await expect.poll(() => processesOf(cli.root)).toEqual([]);
  });
});
