// Runs one container in this process and prints its pid when it is started: run-container.ts FOLDER STDIO COMMAND.
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { containerConfig, createRuntime, exitCodeOf, type Stdio } from '../../../src/runtime/index.ts';

const [folder = '', stdio = 'pipe', command = 'true'] = process.argv.slice(2);
const runtime = createRuntime({ stubs: join(folder, 'runtime') });
const config = containerConfig({
  purpose: 'run',
  args: ['/bin/sh', '-c', command],
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  hostname: 'box',
  network: 'none',
  processors: 2,
  terminal: stdio === 'terminal',
  limits: process.env.NOLIMIT ? {} : { pids: { limit: 100 } },
});
/** What it starts is then found by its cgroups alone. */
const hostPids = process.env.HOST_PIDS !== undefined;
const namespaces = config.linux.namespaces.filter(({ type }) => !hostPids || type !== 'pid');
const overlay = {
  lowers: [join(folder, 'lower')],
  upper: join(folder, 'upper'),
  work: mkdtempSync(join(folder, 'work', 'w-')),
};
await using container = await runtime.create({
  id: `test-${randomUUID()}`,
  config: { ...config, linux: { ...config.linux, namespaces } },
  rootfs: { kind: 'overlay', overlay, volatile: true },
  stdio: stdio as Stdio,
});
container.stdout?.pipe(process.stdout);
await container.start();
if (stdio === 'pipe') process.stdout.write(`${container.id} ${container.pid}\n`);
process.exitCode = exitCodeOf(await container.wait());
