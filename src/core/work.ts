/**
 * Counters of work since the start (law 7):
 *   entities     entities whose measures a delta may have changed, of all grains
 *   moved        members moved in a kept ranking, put into one when it was built, or named because a cut passed them
 *   rankQueries  cuts computed and standings asked for
 *   evaluated    (pattern, entity) pairs evaluated
 */
import type { Detector } from './detector.ts';

export type Work = Detector['work'];
