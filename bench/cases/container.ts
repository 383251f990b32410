import { mean, timed, type Measurement } from '../measure.ts';
import { bareContainers, writeDockerfile } from './steps.ts';
import { shell, type Case } from './types.ts';

export const containerCase: Case = {
  group: 'container',
  rows: { container: { what: 'run --rm … true, host network, mean of 10', target: 3 } },
  async measure(tool, { folder, scale }) {
    writeDockerfile(folder, [`FROM ${tool.base}`, 'ENV A=b']);
    await timed(tool.build(folder, 'bench'));
    const command = tool.runTrue('bench');
    if (command === undefined) return {};
    const all: Measurement[] = [];
    for (let round = 0; round < 10 * scale; round++) all.push(await timed(command));
    return { container: mean(all) };
  },
  floor: async ({ folder, rootfs }) => ({
    container: shell(`"$4" -e 0; ${bareContainers}`, '1', folder, rootfs, process.execPath),
  }),
};
