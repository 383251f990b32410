import { digestOf, fromErrno, TsbuildError, type BuildEvent } from '../../core/index.ts';
import type { InputOptions } from './types.ts';

type Progress = (current: number, total?: number) => void;

/** Fetching and unpacking take their time before the first step does: people see them like steps. */
export async function shown<T>(
  { emit = () => undefined }: Pick<InputOptions, 'emit'>,
  name: string,
  action: (onProgress: Progress) => Promise<T>,
): Promise<T> {
  const step = { id: digestOf(name), name };
  const tell = (type: 'step-started' | 'step-done'): void => emit({ type, step, time: Date.now() });
  tell('step-started');
  try {
    const result = await action((current, total) =>
      emit({ type: 'status', step, id: 'download', current, total }),
    );
    tell('step-done');
    return result;
  } catch (thrown) {
    const error = fromErrno(thrown, name);
    const failed: BuildEvent =
      error instanceof TsbuildError && error.code !== 'INTERRUPTED'
        ? { type: 'step-failed', step, error, time: Date.now() }
        : { type: 'step-cancelled', step, time: Date.now() };
    emit(failed);
    throw error;
  }
}
