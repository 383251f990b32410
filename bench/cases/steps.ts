import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { timed } from '../measure.ts';
import { emptyNode, shell, type Case } from './types.ts';

export function writeDockerfile(folder: string, lines: readonly string[]): void {
  writeFileSync(join(folder, 'Dockerfile'), [...lines, ''].join('\n'));
}

/** Namespaces, an overlay and a program, as often as the first argument says. */
export const bareContainers = `
cd "$2"; mkdir -p u w m
for i in $(seq "$1"); do
  unshare --mount --pid --ipc --uts --fork sh -c "mount -t overlay none m -o lowerdir=$3,upperdir=u,workdir=w && exec chroot m true"
done`;

export const stepCases: readonly Case[] = [
  {
    group: 'run',
    rows: {
      'run-cold': { what: '20 × RUN true, nothing cached', target: 12 },
      'run-cached': { what: 'the same build again', target: 1.1 },
    },
    async measure(tool, { folder, mark, scale }) {
      const steps = Array.from({ length: 20 * scale }, (_, index) => `RUN true # ${mark}-${index}`);
      writeDockerfile(folder, [`FROM ${tool.base}`, ...steps]);
      const cold = await timed(tool.build(folder, 'bench'));
      return { 'run-cold': cold, 'run-cached': await timed(tool.build(folder, 'bench')) };
    },
    floor: async ({ folder, rootfs, scale }) => ({
      'run-cold': shell(bareContainers, String(20 * scale), folder, rootfs),
      'run-cached': emptyNode,
    }),
  },
  {
    group: 'layer',
    rows: { layer: { what: 'RUN cp -a /usr /usr2 (a layer of 69 MB)', target: 1.4 } },
    async measure(tool, { folder, mark, scale }) {
      const copies = Array.from({ length: scale }, (_, index) => `cp -a /usr /usr${index + 2}`);
      writeDockerfile(folder, [`FROM ${tool.base}`, `RUN ${copies.join(' && ')} # ${mark}`]);
      return { layer: await timed(tool.build(folder, 'bench')) };
    },
    floor: async ({ folder, rootfs, scale }) => ({
      layer: shell(
        'for i in $(seq "$3"); do cp -a "$1/usr" "$2/$i"; done; tar cC "$2" . | openssl dgst -sha256',
        rootfs,
        folder,
        String(scale),
      ),
    }),
  },
  {
    group: 'stages',
    rows: { stages: { what: '4 stages of sleep 1, one COPY from each', target: 1.7 } },
    async measure(tool, { folder, mark, scale }) {
      const names = Array.from({ length: 4 * scale }, (_, index) => `s${index}`);
      writeDockerfile(folder, [
        ...names.flatMap((name) => [
          `FROM ${tool.base} AS ${name}`,
          `RUN sleep 1 && echo ${mark} > /${name}`,
        ]),
        `FROM ${tool.base}`,
        ...names.map((name) => `COPY --from=${name} /${name} /${name}`),
      ]);
      return { stages: await timed(tool.build(folder, 'bench')) };
    },
    floor: async () => ({ stages: shell('sleep 1') }),
  },
  {
    group: 'cached',
    rows: { 'cached-100': { what: '100 instructions (RUN, COPY, ENV), cached', target: 1.5 } },
    async measure(tool, { folder, mark, scale }) {
      mkdirSync(join(folder, 'files'));
      const lines = Array.from({ length: 100 * scale }, (_, index) => {
        if (index % 3 === 0) return `RUN true # ${mark}-${index}`;
        if (index % 3 === 1) return `ENV NAME_${index}=${index}`;
        writeFileSync(join(folder, 'files', String(index)), `${mark}-${index}`);
        return `COPY files/${index} /files/${index}`;
      });
      writeDockerfile(folder, [`FROM ${tool.base}`, ...lines]);
      await timed(tool.build(folder, 'bench'));
      return { 'cached-100': await timed(tool.build(folder, 'bench')) };
    },
    floor: async () => ({ 'cached-100': emptyNode }),
  },
];
