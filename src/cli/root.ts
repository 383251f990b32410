import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { homeFolder } from '../sys/index.ts';
import { rootlessSession } from './rootless/session.ts';

/** Folder of the store: `--root`, then TSBUILD_ROOT, then /var/lib/tsbuild for root and the user's data folder else. */
export function storeRoot(command: Command): string {
  const { root } = command.optsWithGlobals<{ root?: string }>();
  const named = root ?? process.env['TSBUILD_ROOT'];
  if (named !== undefined && named !== '') return resolve(named);
  if (process.getuid?.() === 0 && rootlessSession() === undefined) return '/var/lib/tsbuild';
  return join(process.env['XDG_DATA_HOME'] ?? join(homeFolder(), '.local', 'share'), 'tsbuild');
}
