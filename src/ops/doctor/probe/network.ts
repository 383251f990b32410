import { closeSync, constants, openSync } from 'node:fs';

import { openNetwork } from '../../../network/index.ts';
import type { NetworkFacts, Outcome, UserFacts } from '../types.ts';
import { failureOf, outcomeOf } from './attempt.ts';
import { findTool } from './ids.ts';

/** As root: opens what RUN steps use and closes it, which removes it unless somebody else uses it. */
export async function networkFacts({ uid, capabilities }: UserFacts): Promise<NetworkFacts> {
  if (uid !== 0) {
    const programs = ['pasta', 'slirp4netns'].filter((name) => findTool(name) !== undefined);
    const tun = outcomeOf(() => closeSync(openSync('/dev/net/tun', constants.O_RDWR)));
    return { kind: 'user', programs, tun };
  }
  if (!capabilities.includes('CAP_NET_ADMIN')) {
    const opened: Outcome = { ok: false, code: 'EPERM', message: 'it takes the capability CAP_NET_ADMIN' };
    return { kind: 'bridge', opened };
  }
  try {
    const opened = await openNetwork({ kind: 'steps' });
    if (!opened.available) {
      const { reason, message, hint } = opened;
      return { kind: 'bridge', opened: { ok: false, code: reason, message }, hint };
    }
    await opened.network[Symbol.asyncDispose]();
    return { kind: 'bridge', opened: { ok: true } };
  } catch (error) {
    return { kind: 'bridge', opened: failureOf(error) };
  }
}
