import { runtimeFolder } from '../../sys/index.ts';
import { NamespaceHolders } from './holders.ts';
import { rootlessSession } from './session.ts';

/** Of an ordinary user's monitor: the namespaces it was started in are those of all his containers as long as it lives. */
export function holdNamespaces(): void {
  const session = rootlessSession();
  if (session !== undefined) new NamespaceHolders(runtimeFolder(session.uid)).register();
}
