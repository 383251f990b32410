import { inUserNamespace } from '../sys/index.ts';
import { openNetworkOn, sweepHostNetworks, type OpenNetworkOptions } from './open.ts';
import type { OpenedNetwork } from './types.ts';
import { openUserNetwork, sweepUserNetworks } from './user/open.ts';

/**
 * Opens a network on the host, or, in a user namespace that has no power over the host's, behind a program. What of it is
 * not there yet is made; the last that closes it removes all of it, and what a killed process left is removed by the
 * next that opens or sweeps.
 */
export async function openNetwork(options: OpenNetworkOptions): Promise<OpenedNetwork> {
  const opened = await openNetworkOn(undefined, options);
  if (opened.available || opened.reason !== 'privilege' || !inUserNamespace()) return opened;
  return openUserNetwork(options);
}

/** Removes what killed processes left of the networks, when no one uses them. Where there is nothing, it takes no time. */
export async function sweepNetworks(folder?: string): Promise<void> {
  await sweepHostNetworks(folder);
  if (inUserNamespace()) await sweepUserNetworks(folder);
}
