import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { debianBaseTar } from '../../test/support/debian-base.ts';
import { projectRoot } from '../../test/support/paths.ts';
import { runOk } from '../../test/support/run-command.ts';
import { timed, type Measurement } from '../measure.ts';
import type { Packing, Tool } from '../tools/types.ts';
import { writeDockerfile } from './steps.ts';
import { shell, type Case, type Place } from './types.ts';

/** An image of one layer that no tool has seen, sent to the registry as gzip; its name there. */
async function newBase({ folder, mark, registry, scale }: Place): Promise<string> {
  const tar = join(folder, 'base.tar');
  copyFileSync(await debianBaseTar(), tar);
  writeFileSync(join(folder, 'mark'), mark);
  await runOk(['tar', '-rf', tar, '-C', folder, '--transform', 's,^,etc/,', 'mark']);
  for (let more = 1; more < scale; more++) {
    const other = join(folder, 'more.tar');
    await runOk([
      'tar',
      '-cf',
      other,
      '-C',
      folder,
      '--transform',
      `s,^base.tar,var/copy${more},`,
      'base.tar',
    ]);
    await runOk(['tar', '-Af', tar, other]);
    rmSync(other);
  }
  const name = `${registry}/base-${mark}:1`;
  const tsbuild = [join(projectRoot, 'bin/tsbuild.js'), '--root', join(folder, 'store')];
  await runOk([...tsbuild, 'import', tar, name]);
  await runOk([...tsbuild, 'push', '-q', '--compression', 'gzip', name]);
  return name;
}

/** The base goes first and is not timed: it is in every registry that a team works with. */
async function pushNewLayer(tool: Tool, place: Place, packing: Packing): Promise<Measurement | undefined> {
  const { folder, mark, registry, scale } = place;
  const to = `${registry}/push-${packing}-${tool.name}`;
  const copies = Array.from({ length: scale }, (_, index) => `cp -a /usr /usr${index + 2}`).join(' && ');
  writeDockerfile(folder, [`FROM ${tool.base}`, 'ENV A=b']);
  await timed(tool.build(folder, 'bench-base'));
  const base = tool.push('bench-base', `${to}:base`, packing);
  if (base === undefined) return undefined;
  await timed(base);
  writeDockerfile(folder, [`FROM ${tool.base}`, `RUN ${copies} && echo ${mark}-${packing} > /usr2/mark`]);
  await timed(tool.build(folder, 'bench'));
  const push = tool.push('bench', `${to}:${mark}`, packing);
  return push && timed(push);
}

const packed = (command: string): string =>
  `for i in $(seq "$2"); do tar cC "$1" usr; done | ${command} | wc -c`;

export const registryCases: readonly Case[] = [
  {
    group: 'push',
    rows: {
      'push-gzip': { what: 'push of a new layer of 69 MB, gzip', target: 1.2 },
      'push-zstd': { what: 'the same, zstd' },
    },
    async measure(tool, place) {
      const gzip = await pushNewLayer(tool, place, 'gzip');
      const zstd = await pushNewLayer(tool, place, 'zstd');
      return { ...(gzip && { 'push-gzip': gzip }), ...(zstd && { 'push-zstd': zstd }) };
    },
    floor: async ({ rootfs, scale }) => ({
      'push-gzip': shell(packed('pigz -1'), rootfs, String(scale)),
      'push-zstd': shell(packed('zstd -1 -T2'), rootfs, String(scale)),
    }),
  },
  {
    group: 'pull',
    rows: {
      pull: { what: 'pull of a 72 MB base', target: 2.5 },
      'pull-build': { what: 'pull of a 72 MB base by a build that runs `true` on it' },
    },
    async measure(tool, place) {
      const { folder } = place;
      const pull = await timed(tool.pull(await newBase(place)));
      const base = await newBase({ ...place, mark: `${place.mark}b` });
      writeDockerfile(folder, [`FROM ${base}`, 'RUN true']);
      rmSync(join(folder, 'base.tar'));
      return { pull, 'pull-build': await timed(tool.build(folder, 'bench')) };
    },
    async floor(place) {
      const { folder, registry, mark } = place;
      await newBase(place);
      const script = `
        url=http://$1/v2/base-$2
        layer=$(curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' $url/manifests/1 | jq -r .layers[0].digest)
        mkdir "$3/unpacked"
        curl -s $url/blobs/$layer | tee >(openssl dgst -sha256 >&2) | gzip -dc | tar xC "$3/unpacked"`;
      const floor = shell(script, registry, mark, folder);
      return { pull: floor };
    },
  },
];
