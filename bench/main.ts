import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { debianBaseTar } from '../test/support/debian-base.ts';
import { projectRoot } from '../test/support/paths.ts';
import { startRegistry } from '../test/support/registry.ts';
import { runOk } from '../test/support/run-command.ts';
import { clearFolder, makeRunFolder } from '../test/support/run-folder.ts';
import { benchArgs, type BenchArgs } from './args.ts';
import { containerCase } from './cases/container.ts';
import { copyCases } from './cases/copy.ts';
import { registryCases } from './cases/registry.ts';
import { stepCases } from './cases/steps.ts';
import type { Case, Measurements, Place } from './cases/types.ts';
import { freshDisk } from './disk.ts';
import { timed, type Measurement } from './measure.ts';
import { costTable, floorName, wallTable } from './table.ts';
import { buildahTool } from './tools/buildah.ts';
import { dockerTool } from './tools/docker.ts';
import { tsbuildTool } from './tools/tsbuild.ts';
import type { Tool } from './tools/types.ts';

const all: readonly Case[] = [...stepCases, ...copyCases, containerCase, ...registryCases];
const args = benchArgs(process.argv.slice(2));
const cases = all.filter(({ group }) => args.groups.length === 0 || args.groups.includes(group));
if (cases.length === 0) throw new Error(`groups: ${all.map(({ group }) => group).join(' ')}`);
if (process.getuid?.() !== 0) throw new Error('the benchmark needs root: all three tools are timed as root');

delete process.env['NODE_EXTRA_CA_CERTS'];
// Not /tmp, which may be in memory; and short, for the sockets below it.
const folder = await makeRunFolder('/var/tmp/tsb-');
const results = new Map<string, Measurement[]>();
// Else an engine, a registry and a mount stay.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void clearFolder(folder).finally(() => process.exit(130)));

try {
  await using disk = await freshDisk(folder);
  await using registry = await startRegistry(join(disk.path, 'registry'));
  await using opened = new AsyncDisposableStack();
  const tools = await openTools(disk.path, args, opened);
  const rootfs = join(disk.path, 'rootfs');
  mkdirSync(rootfs);
  await runOk(['tar', '-xf', await debianBaseTar(), '-C', rootfs]);
  let serial = 0;
  const newPlace = (): Place => {
    serial += 1;
    const place = join(disk.path, `place-${serial}`);
    mkdirSync(place);
    const { host } = registry;
    return { folder: place, mark: `${process.pid}-${serial}`, scale: args.scale, rootfs, registry: host };
  };
  for (let round = 0; round < args.rounds; round++) {
    for (const one of cases) {
      // Side by side, so that whatever else the machine does hits all of them.
      for (const tool of tools) note(round, tool.name, await one.measure(tool, newPlace()));
      const floors: Record<string, Measurement> = {};
      for (const [row, floor] of Object.entries(await one.floor(newPlace())))
        floors[row] = await timed(floor);
      note(round, floorName, floors);
    }
  }
  const shown = { cases, tools: tools.map(({ name }) => name), results };
  console.log(tools.map(({ name, version }) => `${name} ${version}`).join(', '));
  console.log(`medians of ${args.rounds}, scale ${args.scale}\n\n${wallTable(shown)}\n\n${costTable(shown)}`);
  if (args.json !== undefined)
    writeFileSync(args.json, `${JSON.stringify(Object.fromEntries(results), null, 2)}\n`);
} finally {
  await clearFolder(folder);
}

function note(round: number, tool: string, measured: Measurements): void {
  for (const [row, one] of Object.entries(measured)) {
    const key = `${row} ${tool}`;
    results.set(key, [...(results.get(key) ?? []), one]);
    const [wall, cpu, rss] = [one.wall, one.cpu, one.rss].map((value) => value.toFixed(0));
    console.error(`round ${round + 1}: ${key}: ${wall} ms, CPU ${cpu} ms, ${rss} MB`);
  }
}

async function openTools(
  disk: string,
  { tools, engine, beside }: BenchArgs,
  opened: AsyncDisposableStack,
): Promise<readonly Tool[]> {
  const found: Tool[] = [];
  for (const name of [...tools, ...(beside === undefined ? [] : ['before'])]) {
    const place = join(disk, name);
    switch (name) {
      case 'tsbuild':
        found.push(opened.use(await tsbuildTool(place, { name, checkout: projectRoot })));
        break;
      case 'before':
        found.push(opened.use(await tsbuildTool(place, { name, checkout: beside ?? projectRoot })));
        break;
      case 'docker':
        found.push(opened.use(await dockerTool(place, engine)));
        break;
      case 'buildah':
        found.push(opened.use(await buildahTool(join(disk, 'b'))));
        break;
      default:
        throw new Error(`no such tool: ${name}`);
    }
  }
  return found;
}
