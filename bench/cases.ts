import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './measure.ts';
import type { Tool } from './tools.ts';

/** Milliseconds by the name of what was timed. */
export type Times = Readonly<Record<string, number>>;

export interface Case {
  readonly name: string;
  /** What is timed, by name, in the order of the table. */
  readonly timed: Readonly<Record<string, string>>;
  /** One round; `folder` is empty and used by no other. What the tool cannot do is left out. */
  readonly measure: (tool: Tool, folder: string) => Promise<Times>;
}

let serial = 0;

/** Different from build to build and from run to run, so that no tool knows a step or a file by it. */
function fresh(): string {
  serial += 1;
  return `${process.pid}-${serial}`;
}

async function coldAndCached(tool: Tool, folder: string): Promise<{ cold: number; cached: number }> {
  const cold = await timed(tool.build(folder, 'bench'));
  return { cold, cached: await timed(tool.build(folder, 'bench')) };
}

export const cases: readonly Case[] = [
  {
    name: 'run',
    timed: { 'run-cold': '20 × RUN true, nothing cached', 'run-cached': 'the same build again' },
    async measure(tool, folder) {
      const mark = fresh();
      const steps = Array.from({ length: 20 }, (_, index) => `RUN true # ${mark}-${index}`);
      writeFileSync(join(folder, 'Dockerfile'), [`FROM ${tool.base}`, ...steps, ''].join('\n'));
      const { cold, cached } = await coldAndCached(tool, folder);
      return { 'run-cold': cold, 'run-cached': cached };
    },
  },
  {
    name: 'copy',
    timed: { 'copy-cold': 'COPY of 30 000 new files of 1 kB', 'copy-cached': 'the same build again' },
    async measure(tool, folder) {
      const mark = fresh();
      writeFileSync(join(folder, 'Dockerfile'), `FROM ${tool.base}\nCOPY files /files\n`);
      for (let index = 0; index < 30_000; index++) {
        const into = join(folder, 'files', String(index % 300));
        if (index < 300) mkdirSync(into, { recursive: true });
        writeFileSync(join(into, String(index)), `${mark}-${index}`.padEnd(1024, '.'));
      }
      const { cold, cached } = await coldAndCached(tool, folder);
      return { 'copy-cold': cold, 'copy-cached': cached };
    },
  },
  {
    name: 'container',
    timed: { container: 'run --rm of true, mean of 10' },
    async measure(tool, folder) {
      writeFileSync(join(folder, 'Dockerfile'), `FROM ${tool.base}\nENV A=b\n`);
      await timed(tool.build(folder, 'bench'));
      const command = tool.runTrue('bench');
      if (command === undefined) return {};
      let sum = 0;
      for (let round = 0; round < 10; round++) sum += await timed(command);
      return { container: sum / 10 };
    },
  },
];
