import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { makeCommand } from '../command.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

export function portCommand(): Command {
  const command = makeCommand('port', 'Show where the ports of a container are on this machine')
    .argument('<container>', 'name or id')
    .argument('[port]', 'one port of the container, as 80 or 53/udp');
  return command.action(async (name: string, wanted: string | undefined) => {
    await withStore(storeRoot(command), async (store) => {
      const { containerState, findContainer, hostEndpoint, parseContainerPort, portName } =
        await import('../../ops/index.ts');
      const port = wanted === undefined ? undefined : parseContainerPort(wanted);
      const record = findContainer(store, name);
      const state = await containerState(store, record.id);
      const bound = (state.status === 'running' ? state.network?.ports : undefined) ?? [];
      if (port === undefined) {
        const lines = bound.map((each) => `${portName(each)} -> ${hostEndpoint(each)}\n`);
        process.stdout.write(lines.join(''));
        return;
      }
      const found = bound.filter(
        ({ containerPort, protocol }) => containerPort === port.port && protocol === port.protocol,
      );
      if (found.length === 0) {
        throw new TsbuildError(
          'CONTAINER_STATE',
          `container ${record.name} publishes no port ${port.port}/${port.protocol}`,
          { hint: 'tsbuild ps shows what runs, with its ports' },
        );
      }
      process.stdout.write(found.map((each) => `${hostEndpoint(each)}\n`).join(''));
    });
  });
}
