/** A promise that the test settles itself. */
export function deferred(): PromiseWithResolvers<void> {
  let settle: Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  if (settle === undefined) throw new Error('an executor runs at once');
  return Object.assign(settle, { promise });
}
