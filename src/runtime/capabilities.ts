import { readFileSync } from 'node:fs';

import { nearestName, TsbuildError } from '../core/index.ts';
import { defaultCapabilityNames } from './defaults.ts';
import { capabilitiesOfMask, capabilityNames } from './plan/numbers.ts';

export interface CapabilityChoice {
  /** With or without `CAP_`, in any case; `ALL` is all. */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  /** What there is before: Docker's fourteen, or all. */
  readonly from?: 'default' | 'all' | undefined;
}

/**
 * `--cap-add` and `--cap-drop` as docker reads them: `ALL` on one side, with exceptions on the other; else the set it
 * starts from with some taken away and some added. In the kernel's order. Throws USAGE.
 */
export function chooseCapabilities({ add, drop, from = 'default' }: CapabilityChoice): readonly string[] {
  const added = new Set(add.map((text) => capabilityName('--cap-add', text)));
  const dropped = new Set(drop.map((text) => capabilityName('--cap-drop', text)));
  const both = [...added].find((name) => dropped.has(name));
  if (both !== undefined) {
    throw new TsbuildError('USAGE', `${both} is in --cap-add and in --cap-drop`, {
      hint: 'leave one of them out',
    });
  }
  const base = from === 'all' || added.has('ALL') ? capabilityNames : defaultCapabilityNames;
  const kept = dropped.has('ALL') ? [] : base.filter((name) => !dropped.has(name));
  const chosen = new Set([...kept, ...added]);
  return capabilityNames.filter((name) => chosen.has(name));
}

/** One that is asked for by name must be there: the container would be less able than its user believes. */
export function requireCapabilities(add: readonly string[]): void {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const held = new Set(capabilitiesOfMask(BigInt(`0x${mask}`)));
  for (const name of add.map((text) => capabilityName('--cap-add', text))) {
    if (name === 'ALL' || held.has(name)) continue;
    throw new TsbuildError('HOST_UNSUPPORTED', `this machine does not let tsbuild have ${name}`, {
      hint: 'leave out that --cap-add, or run tsbuild where it has the capability',
    });
  }
}

function capabilityName(flag: string, text: string): string {
  const upper = text.toUpperCase();
  const name = upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (name === 'ALL' || capabilityNames.includes(name)) return name;
  const near = nearestName(name, capabilityNames);
  throw new TsbuildError('USAGE', `${flag}: no such capability: ${JSON.stringify(text)}`, {
    hint:
      near === undefined
        ? 'a name of capabilities(7) such as NET_ADMIN, or ALL'
        : `did you mean ${near.slice('CAP_'.length)}?`,
  });
}
