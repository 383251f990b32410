// One process on the networks of the host namespace it was started in; network-world.ts tells it what to do.
import {
  openNetwork,
  stepPool,
  sweepNetworks,
  type AttachedNetwork,
  type Network,
  type StepNetwork,
  type StepPool,
} from '../../src/network/index.ts';
import type { AgentAttached, AgentReply, AgentRequest } from './network-world.ts';

const folder = process.argv[2] ?? '';
const attached = new Map<number, AttachedNetwork>();
const steps = new Map<number, StepNetwork>();
let network: Network | undefined;
let pool: StepPool | undefined;
let last = 0;

function opened(): Network {
  if (network === undefined) throw new Error('no network is open');
  return network;
}

function described(id: number, each: AttachedNetwork): AgentAttached {
  const { namespace, address, gateway, mac, nameservers, ports } = each;
  return { id, path: namespace.path, address, gateway, mac, nameservers, ports };
}

async function carryOut(request: AgentRequest): Promise<unknown> {
  switch (request.do) {
    case 'open': {
      const found = await openNetwork({ folder, kind: request.kind });
      if (!found.available) return found;
      network = found.network;
      return { available: true, bridge: network.bridge, gateway: network.gateway };
    }
    case 'attach': {
      const each = await opened().attach(request.options);
      attached.set(++last, each);
      return described(last, each);
    }
    case 'detach':
      await attached.get(request.id)?.[Symbol.asyncDispose]();
      return undefined;
    case 'pool':
      pool = stepPool(opened(), { size: request.size });
      return undefined;
    case 'take': {
      if (pool === undefined) throw new Error('there is no pool');
      const step = await pool.take();
      steps.set(++last, step);
      return described(last, step.attached);
    }
    case 'give-back':
      steps.get(request.id)?.giveBack({ reusable: request.reusable });
      return undefined;
    case 'sweep':
      return sweepNetworks(folder);
    case 'close':
      await pool?.[Symbol.asyncDispose]();
      await network?.[Symbol.asyncDispose]();
      return undefined;
  }
}

process.on('message', ({ id, request }: { readonly id: number; readonly request: AgentRequest }) => {
  const reply = (answer: AgentReply): void => void process.send?.({ id, answer });
  carryOut(request).then(
    (value) => reply({ value }),
    (error: unknown) => {
      const { message, code, stack } = error as Error & { readonly code?: string };
      reply({ error: { message, code: code ?? stack ?? '' } });
    },
  );
});
process.on('disconnect', () => process.exit(0));
