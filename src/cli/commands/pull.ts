import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { makeCommand } from '../command.ts';
import { addCredsOption, credentialsOf } from '../creds-flag.ts';
import { interruptSignal } from '../interrupt.ts';
import { tellWarning } from '../registry-flags.ts';
import { pullProgress } from '../pull-progress.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

interface PullFlags {
  readonly platform?: string;
  readonly allPlatforms?: boolean;
  readonly quiet?: boolean;
  readonly creds?: string;
}

export function pullCommand(): Command {
  const command = makeCommand('pull', 'Pull an image from its registry')
    .argument('<name>', 'name of the image')
    .option('--platform <platform>', "platform, as linux/arm64 (default: this machine's)")
    .option('--all-platforms', 'the images for all platforms that the name stands for')
    .option('-q, --quiet', 'print the name only');
  return addCredsOption(command).action(async (name: string, flags: PullFlags) => {
    if (flags.allPlatforms === true && flags.platform !== undefined)
      throw new TsbuildError('USAGE', '--all-platforms and --platform exclude each other');
    using interrupt = interruptSignal();
    const credentials = await credentialsOf(flags.creds, interrupt.signal);
    await withStore(storeRoot(command), async (store) => {
      const { pullImage } = await import('../../registry/index.ts');
      const { warnOfPlatform } = await import('../platform-warning.ts');
      const { familiarName, hostPlatform, parsePlatform } = await import('../../oci/index.ts');
      await using _lease = await store.lease();
      const platform = flags.platform === undefined ? hostPlatform() : parsePlatform(flags.platform);
      const pulled = await pullImage(store, name, {
        platform,
        allPlatforms: flags.allPlatforms,
        credentials,
        signal: interrupt.signal,
        onWarning: tellWarning,
        onProgress: flags.quiet === true ? undefined : pullProgress(),
      });
      if (flags.allPlatforms !== true) warnOfPlatform(name, { wanted: platform, is: pulled.config });
      await store.settleAside();
      if (flags.quiet !== true) process.stderr.write(`digest: ${pulled.digest}\n`);
      process.stdout.write(`${familiarName(pulled.name ?? pulled.repoDigest)}\n`);
    });
  });
}
