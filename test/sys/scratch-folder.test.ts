import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

import { projectRoot } from '../support/paths.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const module = JSON.stringify(join(projectRoot, 'src/sys/index.ts'));
const making = `
  import { mkdirSync } from 'node:fs';
  import { makeScratchFolder } from ${module};
  using made = makeScratchFolder();
  mkdirSync(made.path + '/a/b', { recursive: true });
  console.log(made.path);
`;

it('S-70 a scratch folder goes with its process, or, when that is killed, with the next one', async () => {
  const { path: TMPDIR } = tempFolder('scratch');
  const env = { ...process.env, TMPDIR };
  const start = (script: string): string[] => [process.execPath, '--input-type=module', '-e', script];
  const held = spawn(
    process.execPath,
    start(`${making} await new Promise(() => setInterval(() => 0, 1000));`).slice(1),
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(held.stdout, 'data');
  const [folder = ''] = readdirSync(TMPDIR).filter((name) => !name.endsWith('.lock'));
  expect(statSync(join(TMPDIR, folder)).mode & 0o777).toBe(0o700);
  expect(existsSync(join(TMPDIR, folder, 'a/b'))).toBe(true);

  // Names that somebody else could have made, to have a file made or removed elsewhere.
  const [elsewhere, unmade] = [join(TMPDIR, 'elsewhere'), join(TMPDIR, 'unmade')];
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'file'), '');
  symlinkSync(unmade, join(TMPDIR, `tsbuild-${'0'.repeat(16)}.lock`));
  symlinkSync(elsewhere, join(TMPDIR, `tsbuild-${'0'.repeat(16)}`));
  const planted = ['elsewhere', `tsbuild-${'0'.repeat(16)}`, `tsbuild-${'0'.repeat(16)}.lock`];

  const next = await runOk(start(making), { env });
  expect(existsSync(next)).toBe(false);
  expect(readdirSync(TMPDIR).toSorted()).toEqual([...planted, folder, `${folder}.lock`].toSorted());
  held.kill('SIGKILL');
  await Promise.all([once(held, 'close'), text(held.stdout)]);
  await runOk(start(making), { env });
  expect(readdirSync(TMPDIR).toSorted()).toEqual(planted);
  expect(existsSync(join(elsewhere, 'file'))).toBe(true);
});
