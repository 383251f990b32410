import { TsbuildError } from '../../core/index.ts';
import type { SeccompConfig } from '../../oci/runtime-spec.ts';

/** SECCOMP_FILTER_FLAG_ values of linux/seccomp.h that make sense without a listener. */
export const knownSeccompFlags: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};

/**
 * The flags argument of seccomp(SECCOMP_SET_MODE_FILTER). None unless the profile names some: what runs in a container
 * keeps the speculation mitigations only without SPEC_ALLOW. Throws RUNTIME_SETUP for an unknown flag.
 */
export function seccompFlags(config: SeccompConfig): number {
  return (config.flags ?? []).reduce((flags, name) => {
    const flag = knownSeccompFlags[name];
    if (flag !== undefined) return flags | flag;
    throw new TsbuildError('RUNTIME_SETUP', `seccomp profile: unsupported flag ${JSON.stringify(name)}`, {
      hint: `known are ${Object.keys(knownSeccompFlags).join(', ')}`,
    });
  }, 0);
}
