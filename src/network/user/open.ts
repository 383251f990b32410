import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

import { isErrno } from '../../core/index.ts';
import { ownIdMap, runtimeFolder } from '../../sys/index.ts';
import { openNetworkOn, type OpenNetworkOptions } from '../open.ts';
import type { Network, OpenedNetwork, Unavailable } from '../types.ts';
import { installedPrograms, wayOut } from './program.ts';
import { joinSharedNetwork, sweepSharedNetworks, type SharedNetwork } from './shared.ts';

const device = '/dev/net/tun';

/**
 * A network for whoever may not make links on the host: the bridge, its rules and its names stand in a network namespace
 * of the user namespace's own, which a program of the user connects to the world with plain sockets.
 */
export async function openUserNetwork({ folder, kind, signal }: OpenNetworkOptions): Promise<OpenedNetwork> {
  const programs = installedPrograms();
  if (programs.length === 0)
    return unavailable(
      'neither pasta nor slirp4netns is installed',
      'install the package passt or slirp4netns',
    );
  const refusal = deviceRefusal();
  if (refusal !== undefined) return refusal;
  let shared: SharedNetwork;
  try {
    shared = await joinSharedNetwork({ top: folder ?? defaultTop(), programs, signal });
  } catch (error) {
    if (!(error instanceof Error) || signal?.aborted === true) throw error;
    return unavailable(error.message, undefined);
  }
  try {
    const ground = { namespace: shared.namespace, wayOut };
    const opened = await openNetworkOn(ground, { folder: shared.folder, kind, signal });
    if (opened.available) return { available: true, network: endingWith(opened.network, shared) };
    await shared[Symbol.asyncDispose]();
    return opened;
  } catch (error) {
    await shared[Symbol.asyncDispose]();
    throw error;
  }
}

/** Of an ordinary user; the numbers of users are the machine's, not those of the user namespace. */
function defaultTop(): string {
  const [, outside = '0'] = /^\s*0\s+(\d+)\s/m.exec(ownIdMap('uid')) ?? [];
  return join(runtimeFolder(Number(outside)), 'network');
}

export async function sweepUserNetworks(folder = defaultTop()): Promise<void> {
  await sweepSharedNetworks(folder);
}

/** The network ends, and then this process's use of what it stands in. */
function endingWith(network: Network, shared: SharedNetwork): Network {
  return {
    kind: network.kind,
    bridge: network.bridge,
    gateway: network.gateway,
    attach: (options) => network.attach(options),
    [Symbol.asyncDispose]: async () => {
      await network[Symbol.asyncDispose]();
      await shared[Symbol.asyncDispose]();
    },
  };
}

function deviceRefusal(): Unavailable | undefined {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return unavailable(`there is no ${device}`, 'as root: modprobe tun');
    return unavailable(`${device} is not open to this user`, `as root: chmod 666 ${device}`);
  }
}

function unavailable(message: string, remedy: string | undefined): Unavailable {
  const hint = [...(remedy === undefined ? [] : [remedy]), 'use --network host'].join(', or ');
  return { available: false, reason: 'program', message, hint };
}
