import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { collect, examples, makeCommand, rootOption } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import { parseMoment } from '../moment.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { formatSize } from '../table.ts';
import { withStore } from '../with-store.ts';
import { importCommand, loadCommand, saveCommand } from './archives.ts';
import { historyCommand } from './history.ts';
import { imagesCommand, rmiCommand, tagCommand } from './images.ts';
import { inspectCommand } from './inspect.ts';
import { pullCommand } from './pull.ts';
import { pushCommand } from './push.ts';

/** docker's other names for what has a command of its own. */
const others: Readonly<Record<string, (status: ExitStatusHolder) => Command>> = {
  history: historyCommand,
  import: importCommand,
  inspect: inspectCommand,
  load: loadCommand,
  ls: imagesCommand,
  pull: pullCommand,
  push: pushCommand,
  rm: rmiCommand,
  save: saveCommand,
  tag: tagCommand,
};

export function imageCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('image', 'Manage images: ls, rm, inspect, … and prune')
    .usage('COMMAND [options]')
    .addHelpText('after', examples([['tsbuild image prune --all', 'remove those that no container has']]));
  command.addCommand(pruneCommand().addOption(rootOption()));
  for (const [name, make] of Object.entries(others))
    command.addCommand(make(status).name(name).addOption(rootOption()));
  return command;
}

interface PruneFlags {
  readonly all?: boolean;
  readonly filter?: readonly string[];
  readonly force?: boolean;
}

function pruneCommand(): Command {
  const command = makeCommand('prune', 'Remove images without a name that no container has')
    .option('-a, --all', 'those with a name, too')
    .option('--filter <name=value>', 'until=24h, label=…, label!=…, dangling=…; repeatable', collect)
    .option('-f, --force', 'do not ask')
    .addHelpText(
      'after',
      examples([
        ['tsbuild image prune', 'what builds left that have given its name to a later image'],
        ['tsbuild image prune --all --filter until=168h', 'all that are older than a week'],
      ]),
    );
  return command.action(async (flags: PruneFlags) => {
    const { storeCare } = await import('../../ops/index.ts');
    const { parseImageFilters, pruneImages } = await storeCare();
    const { familiarName } = await import('../../oci/index.ts');
    const now = Date.now();
    const filter = parseImageFilters(flags.filter ?? [], (text) => parseMoment('--filter until', text, now));
    if (flags.all === true && filter.dangling === true)
      throw new TsbuildError('USAGE', '--all takes images with a name, --filter dangling=true none of them');
    const all = flags.all ?? filter.dangling === false;
    const what = all ? 'all images that no container has' : 'all images without a name';
    if (!(await isConfirmed(`This removes ${what}.`, flags.force))) return;
    const { untagged, deleted, bytes } = await withStore(storeRoot(command), (store) =>
      pruneImages(store, { all, filter }),
    );
    const lines = [
      ...untagged.map((name) => `untagged: ${familiarName(name)}`),
      ...deleted.map((id) => `deleted: ${id}`),
    ];
    const heading = lines.length === 0 ? [] : ['Deleted Images:', ...lines, ''];
    process.stdout.write(`${[...heading, `Total reclaimed space: ${formatSize(bytes)}`].join('\n')}\n`);
  });
}
