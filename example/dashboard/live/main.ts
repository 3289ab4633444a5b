import { of } from 'rxjs';
import { showPage } from '../page/page.ts';
import { simulatedServices } from './simulated-services.ts';

showPage(() => of(simulatedServices()));
