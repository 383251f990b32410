import { Command } from 'commander';

import { interruptSignal } from '../interrupt.ts';
import { storeRoot } from '../root.ts';
import { formatSize } from '../table.ts';
import { withStore } from '../with-store.ts';

export function pullCommand(): Command {
  const command = new Command('pull')
    .description('pull an image from its registry')
    .option('--root <dir>', 'folder of the store');
  command
    .argument('<name>', 'name of the image')
    .option('--platform <platform>', 'platform, as linux/arm64')
    .option('-q, --quiet', 'print the name only');
  return command.action(async (name: string, flags: { platform?: string; quiet?: boolean }) => {
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { pullImage } = await import('../../registry/index.ts');
      const { familiarName, hostPlatform, parsePlatform } = await import('../../oci/index.ts');
      await using _lease = await store.lease();
      const started = new Set<string>();
      const pulled = await pullImage(store, name, {
        platform: flags.platform === undefined ? hostPlatform() : parsePlatform(flags.platform),
        signal: interrupt.signal,
        onProgress: ({ digest, kind, state, total }) => {
          if (
            flags.quiet === true ||
            kind !== 'layer' ||
            started.has(`${digest} ${state}`) ||
            state === 'transferring'
          )
            return;
          started.add(`${digest} ${state}`);
          process.stderr.write(`${digest.slice(7, 19)}: ${state} ${formatSize(total)}\n`);
        },
      });
      await store.settle();
      if (flags.quiet !== true) process.stderr.write(`digest: ${pulled.digest}\n`);
      process.stdout.write(`${familiarName(pulled.name ?? pulled.repoDigest)}\n`);
    });
  });
}
