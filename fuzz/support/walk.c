/* walk.h: one table of forms by opcode, and three ways to take an argument. */
#include "walk.h"

/* By opcode: digits are bytes of a fixed argument, 'a' to 'h' a length of 1 to 8 bytes and so many bytes after it, 'l'
 * and 'L' one and two lines, '-' nothing at all. What is not listed is no operation. */
static const struct {
    uint8_t opcode;
    char form;
} forms[] = {
    {'(', '-'},  {')', '-'},  {'.', '-'},  {'0', '-'},  {'1', '-'},  {'2', '-'},  {'B', 'd'},  {'C', 'a'},  {'F', 'l'},
    {'G', '8'},  {'I', 'l'},  {'J', '4'},  {'K', '1'},  {'L', 'l'},  {'M', '2'},  {'N', '-'},  {'P', 'l'},  {'Q', '-'},
    {'R', '-'},  {'S', 'l'},  {'T', 'd'},  {'U', 'a'},  {'V', 'l'},  {'X', 'd'},  {']', '-'},  {'a', '-'},  {'b', '-'},
    {'c', 'L'},  {'d', '-'},  {'e', '-'},  {'g', 'l'},  {'h', '1'},  {'i', 'L'},  {'j', '4'},  {'l', '-'},  {'o', '-'},
    {'p', 'l'},  {'q', '1'},  {'r', '4'},  {'s', '-'},  {'t', '-'},  {'u', '-'},  {'}', '-'},  {0x80, '1'}, {0x81, '-'},
    {0x82, '1'}, {0x83, '2'}, {0x84, '4'}, {0x85, '-'}, {0x86, '-'}, {0x87, '-'}, {0x88, '-'}, {0x89, '-'}, {0x8a, 'a'},
    {0x8b, 'd'}, {0x8c, 'a'}, {0x8d, 'h'}, {0x8e, 'h'}, {0x8f, '-'}, {0x90, '-'}, {0x91, '-'}, {0x92, '-'}, {0x93, '-'},
    {0x94, '-'}, {0x95, '8'}, {0x96, 'h'}, {0x97, '-'}, {0x98, '-'},
};

static char form_of(uint8_t opcode)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].opcode == opcode)
            return forms[i].form;
    return 0;
}

static bool take_number(tv_span stream, struct walk_op *op, unsigned bytes)
{
    op->number = 0;
    for (unsigned i = 0; i < bytes; i++) {
        int byte = tv_span_byte(stream, op->next++);
        if (byte < 0)
            return false;
        op->number |= (uint64_t)byte << (8 * i);
    }
    return true;
}

/* A line, read as digits as long as they go. */
static bool take_line(tv_span stream, struct walk_op *op)
{
    bool digits = true;
    for (int byte = tv_span_byte(stream, op->next++); byte != '\n'; byte = tv_span_byte(stream, op->next++)) {
        if (byte < 0)
            return false;
        digits = digits && byte >= '0' && byte <= '9';
        if (digits)
            op->number = op->number * 10 + (uint64_t)(byte - '0');
    }
    return true;
}

static bool take_argument(tv_span stream, struct walk_op *op, char form)
{
    if (form == '-')
        return true;
    if (form == 'l' || form == 'L')
        return take_line(stream, op) && (form == 'l' || take_line(stream, op));
    if (form >= '1' && form <= '8')
        return take_number(stream, op, (unsigned)(form - '0'));
    if (!take_number(stream, op, (unsigned)(form - 'a' + 1)) || op->number > stream.size - op->next)
        return false;
    op->next += op->number;
    return true;
}

bool walk_op_at(tv_span stream, uint64_t at, struct walk_op *op)
{
    int opcode = tv_span_byte(stream, at);
    if (opcode < 0)
        return false;
    *op = (struct walk_op){(uint8_t)opcode, at + 1, 0};
    char form = form_of(op->opcode);
    return form != 0 && take_argument(stream, op, form);
}
