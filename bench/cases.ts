import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './measure.ts';
import type { Tool } from './tools.ts';

export interface Case {
  readonly name: string;
  readonly what: string;
  /** One measurement in milliseconds; `folder` is empty and used by no other. Undefined where the tool cannot do it. */
  readonly measure: (tool: Tool, folder: string) => Promise<number | undefined>;
}

let serial = 0;

/** A Dockerfile whose commands no build before had, so that no tool knows any of its steps. */
function twentyRuns(tool: Tool): string {
  serial += 1;
  const steps = Array.from({ length: 20 }, (_, index) => `RUN true # ${process.pid}-${serial}-${index}`);
  return [`FROM ${tool.base}`, ...steps, ''].join('\n');
}

export const cases: readonly Case[] = [
  {
    name: 'cold-run',
    what: '20 × RUN true, nothing cached',
    async measure(tool, folder) {
      writeFileSync(join(folder, 'Dockerfile'), twentyRuns(tool));
      return timed(tool.build(folder, 'bench'));
    },
  },
  {
    name: 'cached-run',
    what: 'the same again, all cached',
    async measure(tool, folder) {
      writeFileSync(join(folder, 'Dockerfile'), twentyRuns(tool));
      await timed(tool.build(folder, 'bench'));
      return timed(tool.build(folder, 'bench'));
    },
  },
  {
    name: 'copy-small',
    what: 'COPY of 30 000 files of 1 kB',
    async measure(tool, folder) {
      writeFileSync(join(folder, 'Dockerfile'), `FROM ${tool.base}\nCOPY files /files\n`);
      serial += 1;
      for (let index = 0; index < 30_000; index++) {
        const into = join(folder, 'files', String(index % 300));
        if (index < 300) mkdirSync(into, { recursive: true });
        writeFileSync(join(into, String(index)), `${process.pid}-${serial}-${index}`.padEnd(1024, '.'));
      }
      return timed(tool.build(folder, 'bench'));
    },
  },
  {
    name: 'copy-cached',
    what: 'the same again, nothing changed',
    async measure(tool, folder) {
      const copy = cases.find(({ name }) => name === 'copy-small');
      await copy?.measure(tool, folder);
      return timed(tool.build(folder, 'bench'));
    },
  },
  {
    name: 'run-true',
    what: 'run --rm of true, mean of 10',
    async measure(tool, folder) {
      writeFileSync(join(folder, 'Dockerfile'), `FROM ${tool.base}\nENV A=b\n`);
      await timed(tool.build(folder, 'bench'));
      const command = tool.runTrue('bench');
      if (command === undefined) return undefined;
      let sum = 0;
      for (let round = 0; round < 10; round++) sum += await timed(command);
      return sum / 10;
    },
  },
];
