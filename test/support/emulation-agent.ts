// Says, in the namespaces that it was started in, what runs there: `try ARCHITECTURE FOLDER` or `register`.
import { registerOwnEmulators, tryEmulation } from '../../src/sys/index.ts';

const [action = '', architecture = '', folder = ''] = process.argv.slice(2);
const answer = action === 'register' ? registerOwnEmulators() : tryEmulation(architecture, folder);
process.stdout.write(`${answer}\n`);
