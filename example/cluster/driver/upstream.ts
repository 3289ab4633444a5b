// The process of one of the two services. It ends with its parent.
import { startOrderService, startProfileService } from '../../dashboard/services.ts';

const start = process.argv[2] === 'orders' ? startOrderService : startProfileService;
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined); // a terminal sends Ctrl-C to all processes: the parent ends this one
void start().then(({ url }) => process.send?.(url));
