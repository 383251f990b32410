import { TsbuildError } from '../core/index.ts';
import type { ContainerRecord, ContainerState } from '../ops/index.ts';

interface Row {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
}

/** What `ps --filter` can ask for, under docker's names, and when a container is what is asked for. */
const filters: Readonly<Record<string, (row: Row, value: string) => boolean>> = {
  id: ({ record }, value) => record.id.startsWith(value),
  name: ({ record }, value) => record.name.includes(value),
  ancestor: ({ record }, value) => record.image.name === value || record.image.id === value,
  status: ({ state }, value) => statusWord(state) === value,
  exited: ({ state }, value) => state.status === 'exited' && String(state.exitCode) === value,
  health: ({ state }, value) =>
    ((state.status === 'running' ? state.health?.status : undefined) ?? 'none') === value,
  label: ({ record }, value) => {
    const [key = '', ...rest] = value.split('=');
    const found = record.labels?.[key];
    return found !== undefined && (rest.length === 0 || found === rest.join('='));
  },
  network: ({ record }, value) => record.network?.mode.kind === value,
  expose: ({ record }, value) =>
    record.network?.exposed.some((name) => {
      const [port, protocol = ''] = name.split('/');
      return isPort(value, { port: Number(port), protocol });
    }) === true,
  publish: ({ state }, value) =>
    state.status === 'running' &&
    state.network?.ports.some(({ containerPort: port, protocol }) => isPort(value, { port, protocol })) ===
      true,
};

/** `80`, `8000-8010` or `53/udp`, of the container's ports; TCP unless told. */
function isPort(
  text: string,
  { port, protocol }: { readonly port: number; readonly protocol: string },
): boolean {
  const [, first, last = first, wanted = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  return first !== undefined && port >= Number(first) && port <= Number(last) && protocol === wanted;
}

export const filterNames: readonly string[] = Object.keys(filters);

export interface Filter {
  readonly name: string;
  readonly value: string;
}

/** `name=value` each. Throws USAGE. */
export function parseFilters(texts: readonly string[]): readonly Filter[] {
  return texts.map((text) => {
    const equals = text.indexOf('=');
    const name = text.slice(0, equals);
    if (equals > 0 && Object.hasOwn(filters, name)) return { name, value: text.slice(equals + 1) };
    throw new TsbuildError('USAGE', `--filter: invalid value ${JSON.stringify(text)}`, {
      hint: `expected name=value, where name is one of ${filterNames.join(', ')}`,
    });
  });
}

/** As docker has it: of several values under one name one is enough, but of labels all count, as does every name. */
export function passes(row: Row, wanted: readonly Filter[]): boolean {
  const holds = ({ name, value }: Filter): boolean => filters[name]?.(row, value) === true;
  return wanted.every(
    (filter) =>
      holds(filter) ||
      (filter.name !== 'label' && wanted.some((other) => other.name === filter.name && holds(other))),
  );
}

/** docker's word for the state. */
export function statusWord(state: ContainerState): string {
  return state.status === 'running' && state.paused === true ? 'paused' : state.status;
}
