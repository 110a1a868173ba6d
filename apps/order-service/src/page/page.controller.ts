import {
  Controller,
  Get,
  NotFoundException,
  Param,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import { PageFiles } from './page-files.js';
import { PageHeadersInterceptor } from './page-headers.interceptor.js';

@Controller()
@UseInterceptors(PageHeadersInterceptor)
export class PageController {
  constructor(private readonly files: PageFiles) {}

  @Get()
  page(): StreamableFile {
    return this.file('index.html');
  }

  @Get('page/:name')
  file(@Param('name') name: string): StreamableFile {
    const file = this.files.find(name);
    if (file === undefined) throw new NotFoundException(`there is no file ${name}`);
    const { type, content } = file;
    return new StreamableFile(content, { type, length: content.length });
  }
}
