import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearFolder, makeRunFolder } from '../test/support/run-folder.ts';
import { cases } from './cases.ts';
import { freshDisk } from './disk.ts';
import { median } from './measure.ts';
import { buildahTool, dockerTool, tsbuildTool, type Tool } from './tools.ts';

const rounds = 3;
const [only, jsonFile] = process.argv.slice(2);
const chosen = cases.filter(({ name }) => only === undefined || name.includes(only));
if (process.getuid?.() !== 0) throw new Error('the benchmark needs root: all three tools are timed as root');

delete process.env['NODE_EXTRA_CA_CERTS'];
// Not /tmp, which may be in memory; and short, for the sockets below it.
const folder = await makeRunFolder('/var/tmp/tsb-');
/** Of a case and a tool, the time of every round. */
const times = new Map<string, number[]>();

try {
  await using disk = await freshDisk(folder);
  await using tsbuild = await tsbuildTool(join(disk.path, 't'));
  await using docker = await dockerTool(join(disk.path, 'd'));
  await using buildah = await buildahTool(join(disk.path, 'b'));
  const tools: readonly Tool[] = [tsbuild, docker, buildah];
  console.log(tools.map(({ name, version }) => `${name} ${version}`).join(', '));
  let serial = 0;
  for (let round = 0; round < rounds; round++) {
    for (const { measure } of chosen) {
      // Side by side, so that whatever else the machine does hits all of them.
      for (const tool of tools) {
        serial += 1;
        const context = join(disk.path, `context-${serial}`);
        mkdirSync(context);
        for (const [name, time] of Object.entries(await measure(tool, context))) {
          const key = `${name} ${tool.name}`;
          times.set(key, [...(times.get(key) ?? []), time]);
          console.error(`round ${round + 1}: ${key} ${time.toFixed(0)} ms`);
        }
      }
    }
  }
  report(tools);
} finally {
  await clearFolder(folder);
}

function report(tools: readonly Tool[]): void {
  const [first, ...others] = tools.map(({ name }) => name);
  const header = ['', ...tools.map(({ name }) => name), ...others.map((name) => `${name}/${first ?? ''}`)];
  const rows = chosen
    .flatMap(({ timed }) => Object.entries(timed))
    .map(([name, what]) => {
      const medians = tools.map((tool) => median(times.get(`${name} ${tool.name}`) ?? []));
      const [own = NaN, ...rest] = medians;
      return [
        `${name}: ${what}`,
        ...medians.map((time) => (Number.isNaN(time) ? '–' : `${time.toFixed(0)} ms`)),
        ...rest.map((time) => (Number.isNaN(time) ? '–' : `${(time / own).toFixed(1)} ×`)),
      ];
    });
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  for (const row of [header, ...rows]) {
    console.log(
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    );
  }
  console.log(`medians of ${rounds}; a ratio above 1 says how many times as long the other takes`);
  if (jsonFile !== undefined)
    writeFileSync(jsonFile, `${JSON.stringify(Object.fromEntries(times), null, 2)}\n`);
}
