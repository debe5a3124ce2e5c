"""The API's notes about devices: reading them, writing one, withdrawing one."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from commands.serializers import StrictSerializer
from devices.api import OfDevice
from devices.models import Note
from devices.notes import MAX_TEXT, MAX_TICKET, add_note, link_of, withdraw_note
from mdm_project.api.auth import actor_of
from mdm_project.api.permissions import Access, Scope, reading

VIEW = ("devices.view_device", "devices.view_note")


class NoteSerializer(serializers.ModelSerializer):
    ticket_url = serializers.SerializerMethodField(help_text="where the ticket leads; empty when that is not known")

    class Meta:
        model = Note
        fields = ["id", "text", "ticket", "ticket_url", "author", "created_at", "withdrawn_at", "withdrawn_by"]

    def get_ticket_url(self, note) -> str:
        link = link_of(note.ticket)
        return link.address if link else ""


class NewNoteSerializer(StrictSerializer):
    text = serializers.CharField(max_length=MAX_TEXT, help_text="plain text; no secrets")
    ticket = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MAX_TICKET,
        help_text="a number such as INC-4711, or an https address",
    )  # fmt: skip


class WithdrawSerializer(StrictSerializer):
    """Nothing is asked."""


class DeviceNotes(OfDevice, ListAPIView):
    access = {"GET": reading(*VIEW), "POST": Access(Scope.WRITE, (*VIEW, "devices.add_note"))}
    queryset = Note.objects.all()
    serializer_class = NoteSerializer
    search_fields = ["text", "ticket", "author"]
    ordering_fields = ["id", "created_at"]
    ordering = ["-id"]

    def get_queryset(self):
        return Note.objects.visible_to(self.request.user).filter(device=self.device)

    @extend_schema(summary="List the notes about a device")
    def get(self, request, *args, **kwargs):
        return self.list(request, *args, **kwargs)

    @extend_schema(summary="Write a note about a device", request=NewNoteSerializer, responses={201: NoteSerializer})
    def post(self, request, *args, **kwargs):
        form = NewNoteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        note = add_note(self.device, **form.validated_data, actor=actor_of(request))
        return Response(self.get_serializer(note).data, status=201)


class WithdrawNote(OfDevice):
    """One's own note, or with ``devices.change_note`` anybody's."""

    access = {"POST": Access(Scope.WRITE, VIEW)}
    queryset = Note.objects.all()
    serializer_class = NoteSerializer

    @extend_schema(summary="Withdraw a note about a device", request=WithdrawSerializer, responses=NoteSerializer)
    def post(self, request, pk, note):
        WithdrawSerializer(data=request.data).is_valid(raise_exception=True)
        notes = Note.objects.visible_to(request.user).filter(device=self.device)
        withdraw_note(get_object_or_404(notes, pk=note), actor=actor_of(request))
        return Response(self.get_serializer(notes.get(pk=note)).data)
