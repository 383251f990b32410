import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { runOk } from '../../test/support/run-command.ts';
import { timed, type Measurement } from '../measure.ts';
import { writeDockerfile } from './steps.ts';
import { shell, type Case } from './types.ts';

const tree = 'files';

/** 30 000 files of 4 kB in 300 folders, 120 MB. */
function writeTree(folder: string, { mark, scale }: { readonly mark: string; readonly scale: number }): void {
  for (let index = 0; index < 30_000 * scale; index++) {
    const into = join(folder, tree, String(index % (300 * scale)));
    if (index < 300 * scale) mkdirSync(into, { recursive: true });
    writeFileSync(join(into, String(index)), `${mark}-${index}`.padEnd(4096, '.'));
  }
}

/** What no tool can have seen: random, since files of zeros are no files to some file systems. */
function writeLarge(path: string, megabytes: number): void {
  const file = openSync(path, 'wx');
  for (let at = 0; at < megabytes; at++) writeSync(file, randomBytes(1 << 20));
  closeSync(file);
}

export const copyCases: readonly Case[] = [
  {
    group: 'copy',
    rows: {
      'copy-cold': { what: 'COPY of 30 000 files (120 MB), cold', target: 3 },
      'copy-cached': { what: 'the same, unchanged', target: 5 },
      'copy-changed': { what: 'the same, one file changed', target: 5 },
    },
    async measure(tool, place) {
      const { folder } = place;
      writeDockerfile(folder, [`FROM ${tool.base}`, `COPY ${tree} /files`]);
      writeTree(folder, place);
      const build = (): Promise<Measurement> => timed(tool.build(folder, 'bench'));
      const cold = await build();
      const cached = await build();
      writeFileSync(join(folder, tree, '7/7'), 'changed');
      return { 'copy-cold': cold, 'copy-cached': cached, 'copy-changed': await build() };
    },
    async floor(place) {
      const { folder } = place;
      writeTree(folder, place);
      const from = join(folder, tree);
      return {
        'copy-cold': shell(
          'cp -a "$1" "$2"; tar cC "$2" . | openssl dgst -sha256',
          from,
          join(folder, 'copy'),
        ),
        'copy-cached': shell('find "$1" -printf "%s%T@%C@" | wc -c; "$2" -e 0', from, process.execPath),
        'copy-changed': shell(
          'cp -al "$1" "$2"; tar cC "$2" . | openssl dgst -sha256',
          from,
          join(folder, 'links'),
        ),
      };
    },
  },
  {
    group: 'large',
    rows: { large: { what: 'COPY of one 512 MB file', target: 1.8 } },
    async measure(tool, { folder, scale }) {
      writeDockerfile(folder, [`FROM ${tool.base}`, 'COPY large /large']);
      writeLarge(join(folder, 'large'), 512 * scale);
      return { large: await timed(tool.build(folder, 'bench')) };
    },
    async floor({ folder, scale }) {
      writeLarge(join(folder, 'large'), 512 * scale);
      await runOk(['sync']);
      return {
        large: shell(
          'cp --reflink=auto "$1" "$1.copy" & openssl dgst -sha256 "$1"; wait',
          join(folder, 'large'),
        ),
      };
    },
  },
];
