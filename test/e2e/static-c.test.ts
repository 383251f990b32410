import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tsbuildWithBase } from '../support/cli.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('a C program compiled on Debian runs alone in an image of its own size', async () => {
  requires('root', 'overlay', 'debian-base', 'network:debian');
  const cli = await tsbuildWithBase();
  await cli.ok(['build', '-t', 'primes', join(projectRoot, 'fixtures/static-c')]);
  expect(await cli.ok(['run', '--rm', '--network', 'none', 'primes', '20'])).toBe(
    '2\n3\n5\n7\n11\n13\n17\n19',
  );

  const { path } = tempFolder('static');
  const archive = join(path, 'primes.tar');
  await cli.ok(['save', '-o', archive, 'primes']);
  // A static glibc program is 0.7 MB; the base and the compiler would be 300.
  expect(statSync(archive).size).toBeLessThan(2_000_000);
  const entries = await runOk(['tar', '-tf', archive]);
  expect(entries).not.toMatch(/usr\//);
});
