import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { engineContract } from '../helpers/engine-contract.ts';

engineContract('local', (source) => makeLocalEngine({ source }));
engineContract('local, in TypeScript only', (source) => makeLocalEngine({ source, aggregation: 'typescript' }));
