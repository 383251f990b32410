import { join } from 'node:path';
import { runOk } from './run-command.ts';
import { tempFolder } from './temp-folder.ts';

/** Unpacks an image of an OCI layout with umoci, runs its command with runc, and returns what it says. */
export async function runLayout(layout: string, tag: string): Promise<string> {
  const { path } = tempFolder('layout');
  const bundle = join(path, 'bundle');
  await runOk(['umoci', 'unpack', '--image', `${layout}:${tag}`, bundle]);
  // umoci asks for a terminal, and has no say in the network and in limits.
  const edit =
    '.process.terminal = false | del(.process.rlimits) | .linux.namespaces |= map(select(.type != "network"))';
  await runOk(['sh', '-c', `jq '${edit}' config.json > c && mv c config.json`], { cwd: bundle });
  const name = path.slice(path.lastIndexOf('/') + 1);
  return runOk(['runc', '--root', join(path, 'runc'), 'run', '-b', bundle, name]);
}
