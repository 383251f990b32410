import { TsbuildError } from '../core/index.ts';
import { ownCapabilities } from './own-capabilities.ts';
import { namespaceHint } from './plan/chroot.ts';

/** `chroot`: a folder of the host as root directory and nothing else, where namespaces are forbidden. */
export type Isolation = 'namespaces' | 'chroot';

export const isolations: readonly ('auto' | Isolation)[] = ['auto', 'namespaces', 'chroot'];

export interface ChosenIsolation {
  readonly isolation: Isolation;
  /** What the user is to know. */
  readonly warning?: string | undefined;
}

/**
 * How steps are kept apart from this process and its machine. `auto`: by namespaces, and by chroot only where the kernel
 * would refuse every one of them, which is root's case in a container that was given no right to make any. Throws
 * HOST_UNSUPPORTED where neither is possible.
 */
export function chooseIsolation(
  wanted: 'auto' | Isolation,
  own: readonly string[] = ownCapabilities(),
): ChosenIsolation {
  if (wanted === 'namespaces') return { isolation: 'namespaces' };
  if (wanted === 'auto' && own.includes('CAP_SYS_ADMIN')) return { isolation: 'namespaces' };
  if (own.includes('CAP_SYS_CHROOT')) return { isolation: 'chroot', warning: chrootWarning };
  throw new TsbuildError(
    'HOST_UNSUPPORTED',
    'steps can be neither put into namespaces nor into a chroot here',
    {
      hint: `${namespaceHint}, or as root (--user 0)`,
    },
  );
}

const chrootWarning =
  'isolation fallback "chroot": no namespaces can be made here, so RUN steps see the processes and the network around ' +
  'them, have no /proc, and are kept to their files by chroot alone; build only what you trust. ' +
  `For more, ${namespaceHint}`;
