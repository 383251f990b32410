import { TsbuildError } from '../core/index.ts';
import type { Entitlement, PlanOptions, RunStep } from './types.ts';

/**
 * The only place where a RUN step gets what the user must allow: every step passes here when it is complete, however its
 * values came about (S-32). Throws ENTITLEMENT_REQUIRED.
 */
export function requireEntitlements(step: RunStep, options: Pick<PlanOptions, 'allow' | 'network'>): void {
  for (const { entitlement, flag } of entitlementsOf(step)) {
    if (options.allow.has(entitlement)) continue;
    // Who gives all steps the host's network has allowed it.
    if (entitlement === 'network.host' && options.network === 'host') continue;
    throw new TsbuildError('ENTITLEMENT_REQUIRED', `RUN ${flag} is not allowed`, {
      hint: `if you trust this Dockerfile, add --allow ${entitlement}`,
      fault: flag,
    });
  }
}

function entitlementsOf(
  step: RunStep,
): readonly { readonly entitlement: Entitlement; readonly flag: string }[] {
  const { network, security, devices } = step;
  return [
    ...(network === 'host' ? [{ entitlement: 'network.host', flag: '--network=host' } as const] : []),
    ...(security === 'insecure'
      ? [{ entitlement: 'security.insecure', flag: '--security=insecure' } as const]
      : []),
    ...devices.map(({ name }) => ({ entitlement: 'device', flag: `--device=${name}` }) as const),
  ];
}
