import { makeLocalEngine } from '../../src/engine/local/local-engine.ts';
import { engineContract } from '../helpers/engine-contract.ts';

engineContract('local', (source) => makeLocalEngine({ source }));
