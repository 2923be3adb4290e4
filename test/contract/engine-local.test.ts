import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { engineContract } from '../helpers/engine-contract.ts';

engineContract('local', (source) => makeLocalEngine({ source }));
engineContract('local, in TypeScript only', (source) => makeLocalEngine({ source, aggregation: 'typescript' }));
// Every object that is read has a thread beside it.
engineContract('local, with a second thread', (source) => makeLocalEngine({ source, besideFrom: 0 }));
